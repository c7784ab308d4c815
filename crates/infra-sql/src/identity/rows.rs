//! Rows of the context, one table a file, and how they become entities.

pub(crate) mod refresh_tokens;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod user_roles;
pub(crate) mod users;
