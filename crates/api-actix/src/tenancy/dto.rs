//! Shapes of tenancy on the wire.

use app::tenancy::{NewSocialLink, NewTenant};
use chrono::{DateTime, Utc};
use domain::tenancy::{SocialLink, Tenant};
use uuid::Uuid;

use crate::{
    openapi::values::{Name, PlatformName, PlatformUrl, TenantSlug},
    shape::{request, response},
};

response! {
    /// A tenant.
    TenantBody of tenant: &Tenant {
        id: Uuid = tenant.id.0,
        name: String = tenant.name.clone(),
        /// Its name for URLs, sign-in and `X-Banyan-Tenant`.
        slug: String = tenant.slug.as_str().to_owned(),
        created_at: DateTime<Utc> = tenant.created_at,
        updated_at: DateTime<Utc> = tenant.updated_at,
    }
}

request! {
    /// A tenant to be created.
    #[schema(example = json!({ "name": "Acme Labs" }))]
    NewTenantRequest for NewTenant {
        #[schema(value_type = Name)]
        name: String,
        /// By default made out of the name.
        #[schema(value_type = Option<TenantSlug>)]
        slug: Option<String>,
    }
}

response! {
    /// A social link of a tenant.
    SocialLinkBody of link: &SocialLink {
        id: Uuid = link.id.0,
        #[schema(value_type = PlatformName)]
        platform: &'static str = link.platform.as_str(),
        url: String = link.url.clone(),
        created_at: DateTime<Utc> = link.created_at,
        updated_at: DateTime<Utc> = link.updated_at,
    }
}

request! {
    /// A social link to be created.
    #[schema(example = json!({ "platform": "linkedin", "url": "https://www.linkedin.com/company/acme" }))]
    NewSocialLinkRequest for NewSocialLink {
        #[schema(value_type = PlatformName)]
        platform: String,
        #[schema(value_type = PlatformUrl)]
        url: String,
    }
}
