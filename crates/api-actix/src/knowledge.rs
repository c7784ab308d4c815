//! Collections, sources, search.

pub(crate) mod dto;
mod handlers;
mod upload;

pub(crate) use {handlers::*, upload::*};
