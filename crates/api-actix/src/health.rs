//! `/livez`, `/readyz` and `/api/v1/version`.

use actix_web::{HttpResponse, web};
use app::App;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    ApiSettings,
    error::ApiError,
    openapi::values::{one_of, values},
    route::LISTED,
};

/// A word about how things are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(value_type = HealthStatus)]
    status: &'static str,
}

values! {
    /// How things are.
    HealthStatus = one_of(["ok"]);
}

/// What runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServerVersion)]
pub(crate) struct Version {
    /// The program.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// Where it keeps its data: `sqlite`, `postgres` or `memory`.
    storage: &'static str,
}

/// Says that the process lives.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = Health)))]
pub(crate) async fn check_live() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Says whether requests are served: the database answers, and no shutdown is under way.
#[utoipa::path(trace, path = LISTED,
    responses((status = 200, body = Health), (status = 503, description = "not ready")))]
pub(crate) async fn check_ready(app: web::Data<App>) -> Result<HttpResponse, ApiError> {
    app.ready().await?;
    Ok(HttpResponse::Ok().json(Health { status: "ok" }))
}

/// Says which version runs.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = Version)))]
pub(crate) async fn get_version(app: web::Data<App>, settings: web::Data<ApiSettings>) -> HttpResponse {
    let storage = app.capabilities().backend;
    HttpResponse::Ok().json(Version { name: "banyan", version: settings.version, storage })
}
