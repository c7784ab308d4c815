//! Handlers of identity.

use actix_web::{HttpResponse, http::StatusCode, web};
use app::App;
use domain::{identity::User, ids::ApiKeyId};
use uuid::Uuid;

use super::dto::{
    ApiKeyBody, CreatedApiKeyBody, LoginRequest, NewApiKeyRequest, NewUserRequest, PersonBody, ProfileBody,
    ProfileRequest, RefreshRequest, SetupBody, SetupRequest, TokenBody, UserBody,
};
use crate::{
    authorize::{ActorRequest, Context},
    body::Json,
    error::HandlerResult,
    idempotency::{Repeatable, idempotent, respond},
    observe::no_content,
    page::{PageBody, PageQuery},
    query::Query,
    route::LISTED,
};

/// Sets up the installation with the one-time token that the server printed.
#[utoipa::path(trace, path = LISTED,
    responses((status = 201, body = SetupBody), (status = 403, description = "setup is done, or the token is wrong")))]
pub(crate) async fn set_up(app: web::Data<App>, context: Context, body: Json<SetupRequest>) -> HandlerResult {
    let (token, new) = body.value.into_parts();
    let set_up = app.identity().set_up(&token, new, &context.0).await?;
    Ok(HttpResponse::Created().json(SetupBody::from(set_up)))
}

/// Signs in with a password.
#[utoipa::path(trace, path = LISTED,
    responses((status = 200, body = TokenBody), (status = 401, description = "wrong login or password, or several tenants have the account and none is named")))]
pub(crate) async fn login(app: web::Data<App>, context: Context, body: Json<LoginRequest>) -> HandlerResult {
    let signed_in = app.identity().login(body.value.into(), &context.0).await?;
    Ok(HttpResponse::Ok().json(TokenBody::from(signed_in)))
}

/// Trades a refresh token for new tokens.
#[utoipa::path(trace, path = LISTED,
    responses((status = 200, body = TokenBody), (status = 401, description = "not a live refresh token")))]
pub(crate) async fn refresh(app: web::Data<App>, body: Json<RefreshRequest>) -> HandlerResult {
    let signed_in = app.identity().refresh(&body.value.refresh_token).await?;
    Ok(HttpResponse::Ok().json(TokenBody::from(signed_in)))
}

/// Ends the session.
#[utoipa::path(trace, path = LISTED, responses((status = 204)))]
pub(crate) async fn logout(request: ActorRequest) -> HandlerResult {
    request.app.identity().logout(&request.actor).await?;
    Ok(no_content())
}

/// One's own account.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = ProfileBody)))]
pub(crate) async fn get_profile(request: ActorRequest) -> HandlerResult {
    let profile = request.app.identity().profile(&request.actor).await?;
    Ok(HttpResponse::Ok().json(ProfileBody::new(&profile, request.actor.permissions.iter().copied())))
}

/// Changes one's own account.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = ProfileBody)))]
pub(crate) async fn change_profile(request: ActorRequest, body: Json<ProfileRequest>) -> HandlerResult {
    let profile = request.app.identity().change_profile(&request.actor, body.value.into()).await?;
    Ok(HttpResponse::Ok().json(ProfileBody::new(&profile, request.actor.permissions.iter().copied())))
}

/// One's own API keys, newest first.
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<ApiKeyBody>)))]
pub(crate) async fn list_api_keys(request: ActorRequest, query: Query<PageQuery>) -> HandlerResult {
    let keys = request.app.identity().api_keys(&request.actor, query.0.request()?).await?;
    Ok(PageBody::of(keys, |key| ApiKeyBody::from(&key)).respond(&request.http))
}

/// Creates an API key. The key is shown this once.
#[utoipa::path(trace, path = LISTED, responses((status = 201, body = CreatedApiKeyBody)))]
pub(crate) async fn create_api_key(request: ActorRequest, body: Json<NewApiKeyRequest>) -> HandlerResult {
    let created = request.app.identity().create_api_key(&request.actor, body.value.into()).await?;
    Ok(HttpResponse::Created().json(CreatedApiKeyBody::from(created)))
}

/// Revokes one of one's own API keys.
#[utoipa::path(trace, path = LISTED, responses((status = 204)))]
pub(crate) async fn revoke_api_key(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    request.app.identity().revoke_api_key(&request.actor, ApiKeyId(path.into_inner())).await?;
    Ok(no_content())
}

/// Users of the tenant, newest first.
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<PersonBody>)))]
pub(crate) async fn list_users(request: ActorRequest, query: Query<PageQuery>) -> HandlerResult {
    let users = request.app.identity().users(&request.actor, query.0.request()?).await?;
    Ok(PageBody::of(users, |person| PersonBody::from(&person)).respond(&request.http))
}

/// Creates a user in the tenant.
#[utoipa::path(trace, path = LISTED, params(Repeatable),
    responses((status = 201, body = UserBody), (status = 409, description = "the e-mail address or user name is taken")))]
pub(crate) async fn create_user(request: ActorRequest, body: Json<NewUserRequest>) -> HandlerResult {
    let shape = |user: &User| UserBody::from(user);
    let keyed = idempotent(&request.http, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = request.app.identity().create_user(&request.actor, body.value.into(), keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}
