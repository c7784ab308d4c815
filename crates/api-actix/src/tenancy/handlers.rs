//! Handlers of tenancy.

use actix_web::{http::StatusCode, web};
use domain::tenancy::{SocialLink, Tenant};
use uuid::Uuid;

use super::dto::{NewSocialLinkRequest, NewTenantRequest, SocialLinkBody, TenantBody};
use crate::{
    authorize::Call,
    body::Json,
    error::HandlerResult,
    idempotency::{idempotent, respond},
    observe::no_content,
    page::{PageBody, PageQuery},
    route::LISTED,
};

/// All tenants, newest first (superadmin).
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<TenantBody>)))]
pub(crate) async fn list_tenants(call: Call, query: web::Query<PageQuery>) -> HandlerResult {
    let tenants = call.app.tenancy().list(&call.actor, query.request()?).await?;
    Ok(PageBody::of(tenants, |tenant| TenantBody::from(&tenant)).respond(&call.request))
}

/// Creates a tenant (superadmin). Enter it with `X-Banyan-Tenant` to create its first users.
#[utoipa::path(trace, path = LISTED,
    responses((status = 201, body = TenantBody), (status = 409, description = "the slug is taken")))]
pub(crate) async fn create_tenant(call: Call, body: Json<NewTenantRequest>) -> HandlerResult {
    let shape = |tenant: &Tenant| TenantBody::from(tenant);
    let keyed = idempotent(&call.request, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = call.app.tenancy().create(&call.actor, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// Social links of the tenant, newest first.
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<SocialLinkBody>)))]
pub(crate) async fn list_social_links(call: Call, query: web::Query<PageQuery>) -> HandlerResult {
    let links = call.app.tenancy().social_links(&call.actor, query.request()?).await?;
    Ok(PageBody::of(links, |link| SocialLinkBody::from(&link)).respond(&call.request))
}

/// Creates a social link of the tenant, one for each platform.
#[utoipa::path(trace, path = LISTED,
    responses((status = 201, body = SocialLinkBody), (status = 409, description = "the platform has a link")))]
pub(crate) async fn create_social_link(call: Call, body: Json<NewSocialLinkRequest>) -> HandlerResult {
    let shape = |link: &SocialLink| SocialLinkBody::from(link);
    let keyed = idempotent(&call.request, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = call.app.tenancy().create_social_link(&call.actor, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// Removes a social link of the tenant.
#[utoipa::path(trace, path = LISTED, responses((status = 204)))]
pub(crate) async fn remove_social_link(call: Call, path: web::Path<Uuid>) -> HandlerResult {
    call.app.tenancy().remove_social_link(&call.actor, path.into_inner().into()).await?;
    Ok(no_content())
}
