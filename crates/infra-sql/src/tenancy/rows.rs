//! The rows of the context, one table a file, and how they become entities.

pub(crate) mod social_links;
pub(crate) mod tenants;
