//! Conversations, turns and their streams.

use actix_web::{http::Method, web};

use crate::{Endpoint, endpoint::endpoint};

pub(crate) mod dto;
pub(crate) mod event;
pub(crate) mod handlers;
pub(crate) mod message;
pub(crate) mod streams;
pub(crate) mod turns;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    let messages = "/api/v1/conversations/{conversation_id}/messages";
    let edit = "/api/v1/conversations/{conversation_id}/messages/{message_id}/edit";
    let regenerate = "/api/v1/conversations/{conversation_id}/messages/{message_id}/regenerate";
    let switch = "/api/v1/conversations/{conversation_id}/messages/{message_id}/switch";
    vec![
        endpoint(Method::GET, "/api/v1/conversations", || web::to(handlers::list)),
        endpoint(Method::POST, "/api/v1/conversations", || web::to(handlers::create)),
        endpoint(Method::GET, "/api/v1/conversations/{conversation_id}", || web::to(handlers::get)),
        endpoint(Method::GET, messages, || web::to(handlers::messages)),
        endpoint(Method::POST, messages, || web::to(turns::send)),
        endpoint(Method::POST, edit, || web::to(turns::edit)),
        endpoint(Method::POST, regenerate, || web::to(turns::regenerate)),
        endpoint(Method::POST, switch, || web::to(handlers::switch)),
        endpoint(Method::GET, "/api/v1/conversations/{conversation_id}/usage", || web::to(handlers::usage)),
        endpoint(Method::GET, "/api/v1/conversations/{conversation_id}/stream", || web::to(streams::resume)),
        endpoint(Method::GET, "/api/v1/streams/{stream_id}/events", || web::to(streams::events)),
        endpoint(Method::POST, "/api/v1/streams/{stream_id}/stop", || web::to(streams::stop)),
    ]
}
