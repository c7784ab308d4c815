//! Tenants.

pub mod repo;
pub mod tenant;

pub use repo::TenantRepo;
pub use tenant::{Slug, Tenant};
