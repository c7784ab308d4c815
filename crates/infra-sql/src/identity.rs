//! Users, roles, sessions and keys.

mod api_keys;
mod permissions;
mod roles;
mod rows;
mod sessions;
mod sign_in;
mod users;
