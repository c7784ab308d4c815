//! Handlers of knowledge.

use actix_web::{HttpResponse, http::StatusCode, web};
use app::knowledge::UploadedSource;
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
    authorize::ActorRequest,
    body::Json,
    error::HandlerResult,
    idempotency::{Repeatable, idempotent, respond},
    openapi::values::{PageCursor, PageLimit},
    page::{PageBody, PageQuery},
    query::Query,
    route::LISTED,
};

/// Which collections are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CollectionQuery {
    /// Only the children of this collection.
    parent_id: Option<Uuid>,
    /// Most items of the page.
    #[param(value_type = Option<PageLimit>)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<PageCursor>)]
    cursor: Option<String>,
}

/// Collections that one may read, newest first.
#[utoipa::path(trace, path = LISTED, params(CollectionQuery),
    responses((status = 200, body = PageBody<CollectionBody>)))]
pub(crate) async fn list_collections(request: ActorRequest, query: Query<CollectionQuery>) -> HandlerResult {
    let CollectionQuery { parent_id, limit, cursor } = query.0;
    let page = PageQuery { limit, cursor }.request()?;
    let collections = request.app.knowledge().collections(&request.actor, parent_id.map(CollectionId), page).await?;
    Ok(PageBody::of(collections, |collection| CollectionBody::from(&collection)).respond(&request.http))
}

/// Creates a collection.
#[utoipa::path(trace, path = LISTED, params(Repeatable), responses((status = 201, body = CollectionBody)))]
pub(crate) async fn create_collection(request: ActorRequest, body: Json<NewCollectionRequest>) -> HandlerResult {
    let shape = |collection: &Collection| CollectionBody::from(collection);
    let keyed = idempotent(&request.http, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = request.app.knowledge().create_collection(&request.actor, body.value.try_into()?, keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// A collection.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = CollectionBody)))]
pub(crate) async fn get_collection(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    let collection = request.app.knowledge().collection(&request.actor, CollectionId(path.into_inner())).await?;
    Ok(HttpResponse::Ok().json(CollectionBody::from(&collection)))
}

/// Sources of a collection, newest first.
#[utoipa::path(trace, path = LISTED, params(PageQuery), responses((status = 200, body = PageBody<SourceBody>)))]
pub(crate) async fn list_sources(
    request: ActorRequest,
    path: web::Path<Uuid>,
    query: Query<PageQuery>,
) -> HandlerResult {
    let sources =
        request.app.knowledge().sources(&request.actor, CollectionId(path.into_inner()), query.0.request()?).await?;
    Ok(PageBody::of(sources, |source| SourceBody::from(&source)).respond(&request.http))
}

/// A source with its progress.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = SourceDetail)))]
pub(crate) async fn get_source(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    let source = request.app.knowledge().source(&request.actor, SourceId(path.into_inner())).await?;
    Ok(HttpResponse::Ok().json(SourceDetail::from(source)))
}

/// Queues a failed source again.
#[utoipa::path(trace, path = LISTED, params(Repeatable),
    responses((status = 202, body = UploadBody), (status = 409, description = "it has not failed"),
        (status = 507, description = "there is no room on the server's disk")))]
pub(crate) async fn retry(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    let shape = |uploaded: &UploadedSource| UploadBody::from(uploaded);
    let keyed = idempotent(&request.http, &[], StatusCode::ACCEPTED, shape)?;
    let outcome = request.app.knowledge().retry(&request.actor, SourceId(path.into_inner()), keyed).await?;
    Ok(respond(&outcome, StatusCode::ACCEPTED, shape))
}

/// Searches what one may read.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = SearchResultBody)))]
pub(crate) async fn search(request: ActorRequest, body: Json<SearchBody>) -> HandlerResult {
    let found = request.app.knowledge().search(&request.actor, body.value.try_into()?).await?;
    let items = found.items.iter().map(PassageBody::from).collect();
    Ok(HttpResponse::Ok().json(SearchResultBody { items, mode: found.mode.as_str() }))
}
