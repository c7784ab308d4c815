//! The OpenAPI document and its page.

use actix_web::{HttpRequest, HttpResponse, http::Method, web};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        self,
        content::ContentBuilder,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{Access, Endpoint, endpoint::endpoint, routes::ACCESS};

const PATH: &str = "/api/openapi.json";

/// The document, as the handlers describe it.
#[derive(OpenApi)]
#[openapi(
    info(title = "Banyan", description = "Self-hosted backend for AI chat: conversations that branch, answers \
        grounded in your own documents, and exact accounting.", license(name = "Apache-2.0 OR MIT")),
    modifiers(&Bearer, &Errors),
    paths(
        crate::health::livez, crate::health::readyz, crate::health::version,
        crate::identity::handlers::set_up, crate::identity::handlers::login, crate::identity::handlers::refresh,
        crate::identity::handlers::logout, crate::identity::handlers::profile,
        crate::identity::handlers::change_profile, crate::identity::handlers::list_api_keys,
        crate::identity::handlers::create_api_key, crate::identity::handlers::revoke_api_key,
        crate::identity::handlers::list_users, crate::identity::handlers::create_user,
        crate::tenancy::handlers::list, crate::tenancy::handlers::create,
        crate::knowledge::handlers::list_collections, crate::knowledge::handlers::create_collection,
        crate::knowledge::handlers::collection, crate::knowledge::handlers::list_sources,
        crate::knowledge::upload::upload, crate::knowledge::handlers::source, crate::knowledge::handlers::retry,
        crate::knowledge::handlers::search,
        crate::conversations::handlers::list, crate::conversations::handlers::create,
        crate::conversations::handlers::get, crate::conversations::handlers::messages,
        crate::conversations::turns::send, crate::conversations::turns::edit,
        crate::conversations::turns::regenerate, crate::conversations::handlers::switch,
        crate::conversations::handlers::usage, crate::conversations::streams::resume,
        crate::conversations::streams::events, crate::conversations::streams::stop,
        crate::usage::summary,
        crate::v1::handlers::models, crate::v1::handlers::model, crate::v1::completions::complete,
        crate::v1::handlers::embeddings,
    ),
    tags(
        (name = "identity", description = "Setup, sign-in, users, API keys"),
        (name = "tenancy", description = "Tenants, for the superadmin"),
        (name = "knowledge", description = "Collections, sources, search"),
        (name = "conversations", description = "Conversations that branch, and their streams"),
        (name = "usage", description = "The ledger"),
        (name = "openai", description = "OpenAI's dialect, for any client that speaks it"),
        (name = "health", description = "Whether and what runs"),
    )
)]
struct Document;

/// The OpenAPI document, version 3.1.
#[must_use]
pub fn document() -> openapi::OpenApi {
    Document::openapi()
}

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![endpoint(Method::GET, PATH, || web::to(json))]
}

/// The document; where we are mounted under a prefix, it names that as its server.
async fn json(request: HttpRequest) -> HttpResponse {
    let mut document = document();
    if let Some(prefix) = request.path().strip_suffix(PATH).filter(|prefix| !prefix.is_empty()) {
        document.servers = Some(vec![openapi::Server::new(prefix)]);
    }
    HttpResponse::Ok().json(document)
}

/// `/api/docs` leads to the page, whose assets lie beneath it.
pub(crate) fn page() -> impl actix_web::dev::HttpServiceFactory {
    web::redirect("/api/docs", "docs/").permanent()
}

/// The document's page, with all its assets inside the binary.
pub(crate) fn swagger() -> impl actix_web::dev::HttpServiceFactory {
    SwaggerUi::new("/api/docs/{_:.*}").config(Config::from("../openapi.json"))
}

/// Credentials.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An access token, or an API key"))
            .build();
        document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The errors that a route may answer follow from its access and its shape.
struct Errors;

impl Modify for Errors {
    fn modify(&self, document: &mut openapi::OpenApi) {
        for (method, path, access) in ACCESS {
            let documented = path.replace(":.*", "");
            let Some(item) = document.paths.paths.get_mut(&documented) else { continue };
            let operation = match *method {
                Method::GET => item.get.as_mut(),
                Method::POST => item.post.as_mut(),
                Method::PATCH => item.patch.as_mut(),
                Method::DELETE => item.delete.as_mut(),
                _ => None,
            };
            let Some(operation) = operation else { continue };
            add_errors(operation, *access, path);
        }
    }
}

fn add_errors(operation: &mut Operation, access: Access, path: &str) {
    let media = if path.starts_with("/v1/") { "application/json" } else { "application/problem+json" };
    let mut codes =
        vec![("500", "our fault; the request id finds it in the log"), ("503", "busy, or without a database")];
    match access {
        Access::Public => {}
        Access::OwnCredential => codes.push(("401", "the credential is worth nothing")),
        Access::SignedIn => codes.push(("401", "sign in first")),
        Access::Needs(permission) => {
            codes.push(("401", "sign in first"));
            codes.push(("403", "the permission is missing"));
            operation.description = Some(match operation.description.take() {
                Some(text) => format!("{text}\n\nNeeds `{permission}`."),
                None => format!("Needs `{permission}`."),
            });
        }
    }
    if path.contains('{') {
        codes.push(("404", "there is no such thing, or you may not see it"));
    }
    if operation.request_body.is_some() {
        codes.extend([
            ("400", "the body is not well formed"),
            ("404", "something that the body names does not exist, or you may not see it"),
            ("408", "the body did not arrive in time"),
            ("409", "the state does not allow it"),
            ("413", "the body is too large"),
            ("415", "another content type is needed"),
            ("429", "too much at once"),
            ("502", "a provider failed"),
            ("504", "a provider did not answer in time"),
        ]);
    }
    codes.push(("422", "a value breaks a rule; the answer says which"));
    for (code, description) in codes {
        let response = openapi::ResponseBuilder::new()
            .description(description)
            .content(media, ContentBuilder::new().build())
            .build();
        operation.responses.responses.entry(code.to_owned()).or_insert_with(|| openapi::RefOr::T(response));
    }
}
