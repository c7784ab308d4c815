//! Tenants.

mod repo;
pub(crate) mod rows;
