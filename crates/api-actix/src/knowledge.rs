//! Collections, sources, search.

use actix_web::{http::Method, web};

use crate::{Endpoint, endpoint::endpoint};

pub(crate) mod dto;
pub(crate) mod handlers;
pub(crate) mod upload;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let sources = "/api/v1/collections/{collection_id}/sources";
    vec![
        endpoint(Method::GET, "/api/v1/collections", || web::get().to(handlers::list_collections)),
        endpoint(Method::POST, "/api/v1/collections", || web::post().to(handlers::create_collection)),
        endpoint(Method::GET, "/api/v1/collections/{collection_id}", || web::get().to(handlers::collection)),
        endpoint(Method::GET, sources, || web::get().to(handlers::list_sources)),
        endpoint(Method::POST, sources, || web::post().to(upload::upload)),
        endpoint(Method::GET, "/api/v1/sources/{source_id}", || web::get().to(handlers::source)),
        endpoint(Method::POST, "/api/v1/sources/{source_id}/retry", || web::post().to(handlers::retry)),
        endpoint(Method::POST, "/api/v1/search", || web::post().to(handlers::search)),
    ]
}
