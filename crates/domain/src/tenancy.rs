//! Tenants.

pub mod repo;
pub mod social_link;
pub mod tenant;

pub use repo::{SocialLinkRepo, TenantRepo};
pub use social_link::{Platform, SocialLink};
pub use tenant::{Slug, Tenant};
