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
        self, HttpMethod,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};
use utoipa_swagger_ui::Config;

use crate::{
    Access, Route,
    conversations::{
        event::TurnEventBody,
        sent::{self, PartRequest},
    },
    error::{ApiError, no_such_route},
    routes::ROUTES,
    tenancy,
    usage::UsageGroupName,
};

mod answers;
mod requests;
mod responses;
pub(crate) mod values;

use values::{
    CollectionId, ConversationOrigin, HeadVersion, MessageCursor, ModelName, PageCursor, PageLimit, ScopeName,
    TitlePart,
};

const PATH: &str = "/api/openapi.json";
/// How the document names the two ways to authenticate.
const BEARER: &str = "bearer";
const HEADER: &str = "api_key";

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
    ),
    // Those that parameters, lists and streams name; those of fields are found by themselves.
    components(schemas(
        TurnEventBody, PartRequest, ModelName, CollectionId, ScopeName, PageLimit, PageCursor, MessageCursor,
        TitlePart, ConversationOrigin, UsageGroupName, HeadVersion
    ))
)]
struct Document;

/// The OpenAPI document, version 3.1.
#[must_use]
pub fn document() -> openapi::OpenApi {
    let mut document = Document::openapi();
    let scheme =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An access token, or an API key")).build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    let key = ApiKeyValue::with_description("x-api-key", "The same, for clients that send a key so");
    components.add_security_scheme(HEADER, SecurityScheme::ApiKey(ApiKey::Header(key)));
    responses::add_schemas(components);
    for route in ROUTES {
        if let Some(description) = route.description {
            add(&mut document, route, description());
        }
    }
    answers::require_fields(&mut document);
    let schemas = &mut document.components.get_or_insert_default().schemas;
    sent::tell_bounds(schemas);
    tenancy::dto::tell_platforms(schemas);
    document
}

/// Adds a route: its line in the list says where it is and what it asks, its handler's description the rest.
fn add(document: &mut openapi::OpenApi, route: &Route, mut description: openapi::OpenApi) {
    let described = std::mem::take(&mut description.paths).paths;
    for mut operation in described.into_values().filter_map(|item| item.trace) {
        responses::add(&mut operation, route);
        requests::tell(&mut operation, route);
        if matches!(route.access, Access::SignedIn | Access::Needs(_)) {
            let either = [BEARER, HEADER].map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
            operation.security = Some(either.to_vec());
        }
        // The context and what is done: names of their own in clients that are generated.
        let context = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
        operation.operation_id = operation.operation_id.map(|done| format!("{context}_{done}"));
        let path = requests::written(route.path);
        document.paths.add_path_operation(path, method(&route.method).into_iter().collect(), operation);
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
pub(crate) async fn reference(request: HttpRequest, file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let config = Arc::new(Config::from("../openapi.json"));
    let found = utoipa_swagger_ui::serve(&file, config).map_err(|error| app::Error::internal(error.to_string()))?;
    let Some(found) = found else { return no_such_route(request).await };
    let mut response = HttpResponse::Ok();
    if found.gzpipped {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(response.content_type(found.content_type).body(found.bytes.into_owned()))
}
