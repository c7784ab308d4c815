//! Collections, sources, search.

use actix_web::{http::Method, web};

use crate::{Endpoint, endpoint::endpoint};

pub(crate) mod dto;
pub(crate) mod handlers;
pub(crate) mod upload;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let sources = "/api/v1/collections/{collection_id}/sources";
    vec![
        endpoint(Method::GET, "/api/v1/collections", || web::to(handlers::list_collections)),
        endpoint(Method::POST, "/api/v1/collections", || web::to(handlers::create_collection)),
        endpoint(Method::GET, "/api/v1/collections/{collection_id}", || web::to(handlers::collection)),
        endpoint(Method::GET, sources, || web::to(handlers::list_sources)),
        endpoint(Method::POST, sources, || web::to(upload::upload)),
        endpoint(Method::GET, "/api/v1/sources/{source_id}", || web::to(handlers::source)),
        endpoint(Method::POST, "/api/v1/sources/{source_id}/retry", || web::to(handlers::retry)),
        endpoint(Method::POST, "/api/v1/search", || web::to(handlers::search)),
    ]
}
