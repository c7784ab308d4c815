//! Handlers of tenancy.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use app::App;
use domain::tenancy::Tenant;

use super::dto::{NewTenantRequest, TenantBody};
use crate::{
    authorize::Signed,
    body::Json,
    error::ApiError,
    idempotency::{idempotent, respond},
    page::{PageBody, PageQuery},
    route::LISTED,
};

type Answer = Result<HttpResponse, ApiError>;

/// All tenants, newest first (superadmin).
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<TenantBody>)))]
pub(crate) async fn list_tenants(
    app: web::Data<App>,
    actor: Signed,
    query: web::Query<PageQuery>,
    request: HttpRequest,
) -> Answer {
    let tenants = app.tenancy().list(&actor.0, query.request()?).await?;
    Ok(PageBody::of(tenants, |tenant| TenantBody::from(&tenant)).respond(&request))
}

/// Creates a tenant (superadmin). Enter it with `X-Banyan-Tenant` to create its first users.
#[utoipa::path(trace, path = LISTED,
    responses((status = 201, body = TenantBody), (status = 409, description = "the slug is taken")))]
pub(crate) async fn create_tenant(
    app: web::Data<App>,
    actor: Signed,
    request: HttpRequest,
    body: Json<NewTenantRequest>,
) -> Answer {
    let shape = |tenant: &Tenant| TenantBody::from(tenant);
    let keyed = idempotent(&request, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = app.tenancy().create(&actor.0, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}
