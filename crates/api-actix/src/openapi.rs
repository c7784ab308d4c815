//! The OpenAPI document, from the list of routes and what their handlers say, and its page.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web,
};
use utoipa::{
    OpenApi,
    openapi::{
        self, HttpMethod, RefOr, Required,
        content::ContentBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_swagger_ui::Config;

use crate::{
    Access, Body, Route,
    error::{ApiError, no_such_route},
    routes::ROUTES,
};

const PATH: &str = "/api/openapi.json";
/// How the document names the one way to authenticate.
const BEARER: &str = "bearer";

/// What the document says beside its routes.
#[derive(OpenApi)]
#[openapi(
    info(title = "Banyan", description = "Self-hosted backend for AI chat: conversations that branch, answers \
        grounded in your own documents, and exact accounting.", license(name = "Apache-2.0 OR MIT")),
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
    let mut document = Document::openapi();
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An access token, or an API key")).build();
    document.components.get_or_insert_default().add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    for route in ROUTES {
        if let Some(description) = route.description {
            add(&mut document, route, description());
        }
    }
    document
}

/// Adds a route: its line in the list says where it is and what it asks, its handler's description the rest.
fn add(document: &mut openapi::OpenApi, route: &Route, mut description: openapi::OpenApi) {
    let described = std::mem::take(&mut description.paths).paths;
    for mut operation in described.into_values().filter_map(|item| item.trace) {
        let mut parameters = parameters(route.path);
        parameters.extend(operation.parameters.take().unwrap_or_default());
        operation.parameters = (!parameters.is_empty()).then_some(parameters);
        if matches!(route.access, Access::SignedIn | Access::Needs(_)) {
            operation.security = Some(vec![SecurityRequirement::new(BEARER, Vec::<String>::new())]);
        }
        add_errors(&mut operation, route);
        document.paths.add_path_operation(written(route.path), method(&route.method).into_iter().collect(), operation);
    }
    document.merge(description);
}

/// A method as OpenAPI names it.
fn method(method: &Method) -> Option<HttpMethod> {
    Some(match *method {
        Method::GET => HttpMethod::Get,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => return None,
    })
}

/// A path as OpenAPI writes it: parameters without the pattern that the router matches them by.
fn written(path: &str) -> String {
    path.replace(":.*}", "}")
}

/// The parameters in a path, as [`Route::path`] says what they are.
fn parameters(path: &str) -> Vec<RefOr<Parameter>> {
    let path = written(path);
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let schema = if name.ends_with("_id") { utoipa::schema!(Uuid) } else { utoipa::schema!(String) };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).schema(Some(schema));
        RefOr::T(parameter.required(Required::True).build())
    };
    names.map(parameter).collect()
}

/// The document; where we are mounted under a prefix, it names that as its server.
pub(crate) async fn json(request: HttpRequest) -> HttpResponse {
    let mut document = document();
    if let Some(prefix) = request.path().strip_suffix(PATH).filter(|prefix| !prefix.is_empty()) {
        document.servers = Some(vec![openapi::Server::new(prefix)]);
    }
    HttpResponse::Ok().json(document)
}

/// Leads to the page of the document, whose assets lie beneath it.
pub(crate) async fn to_reference() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "docs/")).finish()
}

/// The page of the document and its assets, all of them inside the binary.
pub(crate) async fn reference(file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let config = Arc::new(Config::from("../openapi.json"));
    let found = utoipa_swagger_ui::serve(&file, config).map_err(|error| app::Error::internal(error.to_string()))?;
    let Some(found) = found else { return no_such_route().await };
    let mut response = HttpResponse::Ok();
    if found.gzpipped {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(response.content_type(found.content_type).body(found.bytes.into_owned()))
}

/// The errors that a route may return follow from its line.
fn add_errors(operation: &mut Operation, route: &Route) {
    let media = if route.path.starts_with("/v1/") { "application/json" } else { "application/problem+json" };
    let mut codes =
        vec![("500", "our fault; the request id finds it in the log"), ("503", "busy, or without a database")];
    match route.access {
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
    if route.path.contains('{') {
        codes.push(("404", "there is no such thing, or you may not see it"));
    }
    if route.body != Body::Unread {
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
        operation.responses.responses.entry(code.to_owned()).or_insert_with(|| RefOr::T(response));
    }
}
