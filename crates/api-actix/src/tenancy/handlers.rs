//! Handlers of tenancy.

use actix_web::{HttpRequest, http::StatusCode, web};
use app::App;
use domain::{
    ids::SocialLinkId,
    tenancy::{SocialLink, Tenant},
};
use uuid::Uuid;

use super::dto::{NewSocialLinkRequest, NewTenantRequest, SocialLinkBody, TenantBody};
use crate::{
    authorize::Authenticated,
    body::Json,
    error::HandlerResult,
    idempotency::{idempotent, respond},
    observe::no_content,
    page::{PageBody, PageQuery},
    route::LISTED,
};

/// All tenants, newest first (superadmin).
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<TenantBody>)))]
pub(crate) async fn list_tenants(
    app: web::Data<App>,
    actor: Authenticated,
    query: web::Query<PageQuery>,
    request: HttpRequest,
) -> HandlerResult {
    let tenants = app.tenancy().list(&actor.0, query.request()?).await?;
    Ok(PageBody::of(tenants, |tenant| TenantBody::from(&tenant)).respond(&request))
}

/// Creates a tenant (superadmin). Enter it with `X-Banyan-Tenant` to create its first users.
#[utoipa::path(trace, path = LISTED,
    responses((status = 201, body = TenantBody), (status = 409, description = "the slug is taken")))]
pub(crate) async fn create_tenant(
    app: web::Data<App>,
    actor: Authenticated,
    request: HttpRequest,
    body: Json<NewTenantRequest>,
) -> HandlerResult {
    let shape = |tenant: &Tenant| TenantBody::from(tenant);
    let keyed = idempotent(&request, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = app.tenancy().create(&actor.0, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// Social links of the tenant, newest first.
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<SocialLinkBody>)))]
pub(crate) async fn list_social_links(
    app: web::Data<App>,
    actor: Authenticated,
    query: web::Query<PageQuery>,
    request: HttpRequest,
) -> HandlerResult {
    let links = app.tenancy().social_links(&actor.0, query.request()?).await?;
    Ok(PageBody::of(links, |link| SocialLinkBody::from(&link)).respond(&request))
}

/// Creates a social link of the tenant, one for each platform.
#[utoipa::path(trace, path = LISTED,
    responses((status = 201, body = SocialLinkBody), (status = 409, description = "the platform has a link")))]
pub(crate) async fn create_social_link(
    app: web::Data<App>,
    actor: Authenticated,
    request: HttpRequest,
    body: Json<NewSocialLinkRequest>,
) -> HandlerResult {
    let shape = |link: &SocialLink| SocialLinkBody::from(link);
    let keyed = idempotent(&request, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = app.tenancy().create_social_link(&actor.0, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// Removes a social link of the tenant.
#[utoipa::path(trace, path = LISTED, responses((status = 204)))]
pub(crate) async fn remove_social_link(
    app: web::Data<App>,
    actor: Authenticated,
    path: web::Path<Uuid>,
) -> HandlerResult {
    app.tenancy().remove_social_link(&actor.0, SocialLinkId(path.into_inner())).await?;
    Ok(no_content())
}
