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
        self, HttpMethod, RefOr, Required, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
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
    usage::UsageGroupName,
};

mod answers;
mod responses;
pub(crate) mod values;

use values::{
    CollectionId, ConversationOrigin, HeadVersion, IdempotencyKey, MessageCursor, ModelName, PageCursor, PageLimit,
    PermissionName, TitlePart,
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
        TurnEventBody, PartRequest, ModelName, CollectionId, PermissionName, PageLimit, PageCursor, MessageCursor,
        TitlePart, ConversationOrigin, UsageGroupName, IdempotencyKey, HeadVersion
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
    sent::tell_bounds(&mut document.components.get_or_insert_default().schemas);
    document
}

/// Adds a route: its line in the list says where it is and what it asks, its handler's description the rest.
fn add(document: &mut openapi::OpenApi, route: &Route, mut description: openapi::OpenApi) {
    let described = std::mem::take(&mut description.paths).paths;
    for mut operation in described.into_values().filter_map(|item| item.trace) {
        let mut parameters = parameters(route.path);
        parameters.extend(operation.parameters.take().unwrap_or_default());
        parameters.iter_mut().for_each(|parameter| match parameter {
            RefOr::T(parameter) => parameter.schema.iter_mut().for_each(without_null),
            RefOr::Ref(_) => {}
        });
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            for content in body.content.values_mut() {
                if let RefOr::T(content) = content {
                    content.schema.iter_mut().for_each(without_null);
                }
            }
        }
        if matches!(route.access, Access::SignedIn | Access::Needs(_)) {
            let either = [BEARER, HEADER].map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
            operation.security = Some(either.to_vec());
        }
        if let Access::Needs(permission) = route.access {
            parameters.push(tenant());
            let text = operation.description.take().map(|text| format!("{text}\n\n")).unwrap_or_default();
            operation.description = Some(format!("{text}Needs `{permission}`."));
        }
        operation.parameters = (!parameters.is_empty()).then_some(parameters);
        // The context and what is done: names of their own in clients that are generated.
        let context = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
        operation.operation_id = operation.operation_id.map(|done| format!("{context}_{done}"));
        responses::add(&mut operation, route);
        document.paths.add_path_operation(written(route.path), method(&route.method).into_iter().collect(), operation);
    }
    document.merge(description);
}

/// A parameter or body that may be left out is not null for that, as a field would be.
fn without_null(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::OneOf(choice)) = schema else { return };
    let is_null =
        |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(item)) if item.schema_type == Type::Null.into());
    choice.items.retain(|item| !is_null(item));
    if let [only] = choice.items.as_slice() {
        *schema = only.clone();
    }
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

/// The tenant that a superadmin enters.
fn tenant() -> RefOr<Parameter> {
    let text = "For a superadmin: the tenant to act in, by its slug or id. For others it does nothing.";
    let parameter = ParameterBuilder::new().name("X-Banyan-Tenant").parameter_in(ParameterIn::Header);
    RefOr::T(parameter.schema(Some(utoipa::schema!(String))).required(Required::False).description(Some(text)).build())
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
