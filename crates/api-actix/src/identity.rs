//! Setup, sign-in, the own account, API keys, users.

pub(crate) mod dto;
mod handlers;

pub(crate) use handlers::*;
