//! Shapes of tenancy on the wire.

use app::tenancy::NewTenant;
use chrono::{DateTime, Utc};
use domain::tenancy::Tenant;
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
