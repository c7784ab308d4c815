//! Conversations, turns and their streams.

pub(crate) mod dto;
pub(crate) mod event;
mod handlers;
pub(crate) mod message;
pub(crate) mod sent;
mod streams;
mod turns;

pub(crate) use {handlers::*, streams::*, turns::*};
