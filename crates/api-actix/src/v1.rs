//! OpenAI's dialect, as its official SDKs and what else speaks it expect it.

mod answer;
mod chat;
mod chunks;
mod embeddings;
mod errors;
mod models;
mod request;
pub(crate) mod text;

pub(crate) use {
    chat::*,
    embeddings::*,
    errors::{ErrorObject, ErrorResponse, is_meant, not_here},
    models::*,
    text::*,
};
