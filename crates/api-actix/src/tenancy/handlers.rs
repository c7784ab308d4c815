//! Handlers of tenancy.

use actix_web::{http::StatusCode, web};
use domain::tenancy::{SocialLink, Tenant};
use uuid::Uuid;

use super::dto::{NewSocialLinkRequest, NewTenantRequest, SocialLinkBody, TenantBody};
use crate::{
    authorize::ActorRequest,
    body::Json,
    error::HandlerResult,
    idempotency::{Repeatable, idempotent, respond},
    observe::no_content,
    page::{PageBody, PageQuery},
    query::Query,
    route::LISTED,
};

/// All tenants, newest first (superadmin).
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<TenantBody>)))]
pub(crate) async fn list_tenants(request: ActorRequest, query: Query<PageQuery>) -> HandlerResult {
    let tenants = request.app.tenancy().list(&request.actor, query.0.request()?).await?;
    Ok(PageBody::of(tenants, |tenant| TenantBody::from(&tenant)).respond(&request.http))
}

/// Creates a tenant (superadmin). Enter it with `X-Banyan-Tenant` to create its first users.
#[utoipa::path(trace, path = LISTED, params(Repeatable),
    responses((status = 201, body = TenantBody), (status = 409, description = "the slug is taken")))]
pub(crate) async fn create_tenant(request: ActorRequest, body: Json<NewTenantRequest>) -> HandlerResult {
    let shape = |tenant: &Tenant| TenantBody::from(tenant);
    let keyed = idempotent(&request.http, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = request.app.tenancy().create(&request.actor, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// Social links of the tenant, newest first.
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<SocialLinkBody>)))]
pub(crate) async fn list_social_links(request: ActorRequest, query: Query<PageQuery>) -> HandlerResult {
    let links = request.app.tenancy().social_links(&request.actor, query.0.request()?).await?;
    Ok(PageBody::of(links, |link| SocialLinkBody::from(&link)).respond(&request.http))
}

/// Creates a social link of the tenant, one for each platform.
#[utoipa::path(trace, path = LISTED, params(Repeatable),
    responses((status = 201, body = SocialLinkBody), (status = 409, description = "the platform has a link")))]
pub(crate) async fn create_social_link(request: ActorRequest, body: Json<NewSocialLinkRequest>) -> HandlerResult {
    let shape = |link: &SocialLink| SocialLinkBody::from(link);
    let keyed = idempotent(&request.http, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = request.app.tenancy().create_social_link(&request.actor, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// Removes a social link of the tenant.
#[utoipa::path(trace, path = LISTED, responses((status = 204)))]
pub(crate) async fn remove_social_link(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    request.app.tenancy().remove_social_link(&request.actor, path.into_inner().into()).await?;
    Ok(no_content())
}
