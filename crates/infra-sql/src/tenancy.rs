//! Tenants, and what they show of themselves.

mod social_links;
pub(crate) mod tenants;
