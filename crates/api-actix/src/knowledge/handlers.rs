//! Handlers of knowledge.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use app::{App, knowledge::UploadedSource};
use domain::{
    ids::{CollectionId, SourceId},
    knowledge::Collection,
};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::dto::{
    CollectionBody, NewCollectionRequest, PassageBody, SearchBody, SearchResultBody, SourceBody, SourceDetail,
    UploadBody,
};
use crate::{
    authorize::Authenticated,
    body::Json,
    error::HandlerResult,
    idempotency::{idempotent, respond},
    page::{PageBody, PageQuery},
    route::LISTED,
};

/// Which collections are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CollectionQuery {
    /// Only the children of this collection.
    parent_id: Option<Uuid>,
    /// Most items of the page, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Collections that one may read, newest first.
#[utoipa::path(trace, path = LISTED, params(CollectionQuery),
    responses((status = 200, body = PageBody<CollectionBody>)))]
pub(crate) async fn list_collections(
    app: web::Data<App>,
    actor: Authenticated,
    query: web::Query<CollectionQuery>,
    request: HttpRequest,
) -> HandlerResult {
    let CollectionQuery { parent_id, limit, cursor } = query.into_inner();
    let page = PageQuery { limit, cursor }.request()?;
    let collections = app.knowledge().collections(&actor.0, parent_id.map(CollectionId), page).await?;
    Ok(PageBody::of(collections, |collection| CollectionBody::from(&collection)).respond(&request))
}

/// Creates a collection.
#[utoipa::path(trace, path = LISTED, responses((status = 201, body = CollectionBody)))]
pub(crate) async fn create_collection(
    app: web::Data<App>,
    actor: Authenticated,
    request: HttpRequest,
    body: Json<NewCollectionRequest>,
) -> HandlerResult {
    let shape = |collection: &Collection| CollectionBody::from(collection);
    let keyed = idempotent(&request, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = app.knowledge().create_collection(&actor.0, body.value.try_into()?, keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// A collection.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = CollectionBody)))]
pub(crate) async fn collection(app: web::Data<App>, actor: Authenticated, path: web::Path<Uuid>) -> HandlerResult {
    let collection = app.knowledge().collection(&actor.0, CollectionId(path.into_inner())).await?;
    Ok(HttpResponse::Ok().json(CollectionBody::from(&collection)))
}

/// Sources of a collection, newest first.
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<SourceBody>)))]
pub(crate) async fn list_sources(
    app: web::Data<App>,
    actor: Authenticated,
    path: web::Path<Uuid>,
    query: web::Query<PageQuery>,
    request: HttpRequest,
) -> HandlerResult {
    let sources = app.knowledge().sources(&actor.0, CollectionId(path.into_inner()), query.request()?).await?;
    Ok(PageBody::of(sources, |source| SourceBody::from(&source)).respond(&request))
}

/// A source with its progress.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = SourceDetail)))]
pub(crate) async fn source(app: web::Data<App>, actor: Authenticated, path: web::Path<Uuid>) -> HandlerResult {
    let source = app.knowledge().source(&actor.0, SourceId(path.into_inner())).await?;
    Ok(HttpResponse::Ok().json(SourceDetail::from(source)))
}

/// Queues a failed source again.
#[utoipa::path(trace, path = LISTED,
    responses((status = 202, body = UploadBody), (status = 409, description = "it has not failed")))]
pub(crate) async fn retry(
    app: web::Data<App>,
    actor: Authenticated,
    path: web::Path<Uuid>,
    request: HttpRequest,
) -> HandlerResult {
    let shape = |uploaded: &UploadedSource| UploadBody::from(uploaded);
    let keyed = idempotent(&request, &[], StatusCode::ACCEPTED, shape)?;
    let outcome = app.knowledge().retry(&actor.0, SourceId(path.into_inner()), keyed).await?;
    Ok(respond(&outcome, StatusCode::ACCEPTED, shape))
}

/// Searches what one may read.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = SearchResultBody)))]
pub(crate) async fn search(app: web::Data<App>, actor: Authenticated, body: Json<SearchBody>) -> HandlerResult {
    let found = app.knowledge().search(&actor.0, body.value.try_into()?).await?;
    let items = found.items.iter().map(PassageBody::from).collect();
    Ok(HttpResponse::Ok().json(SearchResultBody { items, mode: found.mode.as_str() }))
}
