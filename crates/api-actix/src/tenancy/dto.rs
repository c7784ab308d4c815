//! Shapes of tenancy on the wire.

use std::collections::BTreeMap;

use app::tenancy::{NewSocialLink, NewTenant};
use chrono::{DateTime, Utc};
use domain::tenancy::{Platform, SocialLink, Tenant};
use serde_json::json;
use utoipa::openapi::{RefOr, Schema, extensions::Extensions};
use uuid::Uuid;

use crate::{
    openapi::values::{Name, PlatformName, PlatformUrl, TenantSlug, platform_urls},
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

/// Says in the document which URLs go with which platform, by what they must not be: see
/// [`crate::conversations::sent::tell_bounds`].
pub(crate) fn tell_platforms(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let elsewhere = Platform::ALL.map(|platform| {
        let leads_there = json!({ "not": { "pattern": platform_urls(&[platform]) } });
        let of_it = json!({ "const": platform.as_str() });
        json!({ "required": ["platform", "url"], "properties": { "platform": of_it, "url": leads_there } })
    });
    if let Some(RefOr::T(Schema::Object(schema))) = schemas.get_mut("NewSocialLinkRequest") {
        schema.extensions = Some(Extensions::from_iter([("not", json!({ "anyOf": elsewhere }))]));
    }
}
