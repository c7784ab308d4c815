//! Users, roles, sessions, keys, sign-in.

pub mod api_keys;
pub mod refresh_tokens;
pub mod roles;
pub mod sessions;
pub mod sign_in;
pub mod users;
