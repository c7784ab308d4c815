//! Tenants, and what they show of themselves.

pub mod social_link;
pub mod tenant;

pub use social_link::{Platform, SocialLink, SocialLinkRepo};
pub use tenant::{Slug, Tenant, TenantRepo};
