//! Tenants.

mod social_links;
pub(crate) mod tenants;
