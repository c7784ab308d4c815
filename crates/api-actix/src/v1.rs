//! OpenAI's dialect, as its official SDKs expect it.

use actix_web::{http::Method, web};

use crate::{Endpoint, endpoint::endpoint};

pub(crate) mod completions;
pub(crate) mod dto;
pub(crate) mod handlers;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/v1/models", || web::to(handlers::models)),
        endpoint(Method::GET, "/v1/models/{model:.*}", || web::to(handlers::model)),
        endpoint(Method::POST, "/v1/chat/completions", || web::to(completions::complete)),
        endpoint(Method::POST, "/v1/embeddings", || web::to(handlers::embeddings)),
    ]
}
