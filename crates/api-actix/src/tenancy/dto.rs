//! Shapes of tenancy on the wire.

use app::tenancy::{NewSocialLink, NewTenant};
use chrono::{DateTime, Utc};
use domain::tenancy::{SocialLink, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantBody {
    id: Uuid,
    name: String,
    /// Its name for URLs, sign-in and `X-Banyan-Tenant`.
    slug: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&Tenant> for TenantBody {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.0,
            name: tenant.name.clone(),
            slug: tenant.slug.as_str().to_owned(),
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

/// A tenant to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenantRequest {
    name: String,
    /// By default made out of the name.
    slug: Option<String>,
}

impl From<NewTenantRequest> for NewTenant {
    fn from(NewTenantRequest { name, slug }: NewTenantRequest) -> Self {
        Self { name, slug }
    }
}

/// A social link of a tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SocialLinkBody {
    id: Uuid,
    /// One of twitter, facebook, linkedin, instagram, youtube.
    platform: &'static str,
    url: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&SocialLink> for SocialLinkBody {
    fn from(link: &SocialLink) -> Self {
        Self {
            id: link.id.0,
            platform: link.platform.as_str(),
            url: link.url.clone(),
            created_at: link.created_at,
            updated_at: link.updated_at,
        }
    }
}

/// A social link to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSocialLinkRequest {
    /// One of twitter, facebook, linkedin, instagram, youtube.
    platform: String,
    /// An https URL of the platform.
    url: String,
}

impl From<NewSocialLinkRequest> for NewSocialLink {
    fn from(NewSocialLinkRequest { platform, url }: NewSocialLinkRequest) -> Self {
        Self { platform, url }
    }
}
