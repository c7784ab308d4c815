//! `/livez`, `/readyz` and `/api/v1/version`.

use actix_web::{HttpResponse, http::Method, web};
use app::App;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{ApiSettings, Endpoint, endpoint::endpoint, error::ApiError};

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/livez", || web::to(livez)),
        endpoint(Method::GET, "/readyz", || web::to(readyz)),
        endpoint(Method::GET, "/api/v1/version", || web::to(version)),
    ]
}

/// A word about how things are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
}

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Version {
    /// The program.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Where it keeps its data: `sqlite`, `postgres` or `memory`.
    storage: &'static str,
}

/// Tells that the process lives.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = Health)))]
pub(crate) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Tells whether requests are served: the database answers, and no shutdown is under way.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Health), (status = 503, description = "not ready", content_type = "application/problem+json")))]
pub(crate) async fn readyz(app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.ready().await?;
    Ok(HttpResponse::Ok().json(Health { status: "ok" }))
}

/// Tells what runs.
#[utoipa::path(get, path = "/api/v1/version", tag = "health", responses((status = 200, body = Version)))]
pub(crate) async fn version(app: web::Data<App>, settings: web::Data<ApiSettings>) -> HttpResponse {
    let storage = app.capabilities().backend;
    HttpResponse::Ok().json(Version { name: "banyan", version: settings.version, storage })
}
