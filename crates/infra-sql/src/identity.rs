//! Users, roles, sessions and keys.

mod api_keys;
pub(crate) mod permissions;
mod roles;
pub(crate) mod rows;
mod sessions;
mod sign_in;
mod users;
