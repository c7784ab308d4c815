//! Tenants.

mod repo;
pub(crate) mod rows;
mod social_links;
