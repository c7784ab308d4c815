//! OpenAI's dialect, as its official SDKs expect it.

mod completions;
pub(crate) mod dto;
mod handlers;

pub(crate) use {completions::*, handlers::*};
