//! Where else a tenant is to be found: one link for each platform.

use url::Url;

use crate::{
    clock::Timestamp,
    error::ValueError,
    ids::{SocialLinkId, TenantId},
    names::names,
};

/// Most bytes of a link.
const MAX_URL_BYTES: usize = 2048;

names! {
    /// Where a link leads.
    pub enum Platform ("platform") {
        /// Twitter, now X.
        Twitter = "twitter",
        /// Facebook.
        Facebook = "facebook",
        /// LinkedIn.
        LinkedIn = "linkedin",
        /// Instagram.
        Instagram = "instagram",
        /// YouTube.
        YouTube = "youtube",
    }
}

impl Platform {
    /// The domains of its pages; subdomains belong to them.
    const fn domains(self) -> &'static [&'static str] {
        match self {
            Self::Twitter => &["twitter.com", "x.com"],
            Self::Facebook => &["facebook.com", "fb.com"],
            Self::LinkedIn => &["linkedin.com"],
            Self::Instagram => &["instagram.com"],
            Self::YouTube => &["youtube.com", "youtu.be"],
        }
    }
}

/// A link of a tenant; at most one for each platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocialLink {
    /// Its id.
    pub id: SocialLinkId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Where it leads.
    pub platform: Platform,
    /// The page, as [`link`] checked it.
    pub url: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Checks a link: https, to a page of the platform, without a user name or port in it.
///
/// # Errors
/// `not_a_link` for the field `url`.
pub fn link(platform: Platform, url: &str) -> Result<String, ValueError> {
    let is_of = |host: &str| {
        platform
            .domains()
            .iter()
            .any(|domain| host.strip_suffix(domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.')))
    };
    let parsed = Url::parse(url).ok().filter(|parsed| {
        parsed.scheme() == "https"
            && parsed.host_str().is_some_and(is_of)
            && parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.port().is_none()
    });
    match parsed {
        Some(parsed) if parsed.as_str().len() <= MAX_URL_BYTES => Ok(parsed.into()),
        _ => {
            let domains = platform.domains().join(" or ");
            let message = format!("must be an https URL on {domains}, at most {MAX_URL_BYTES} bytes long");
            Err(ValueError::new("url", "not_a_link", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_its_platform() {
        assert_eq!(link(Platform::Twitter, "https://x.com/acme").unwrap(), "https://x.com/acme");
        assert_eq!(link(Platform::LinkedIn, "https://DE.linkedin.com/acme").unwrap(), "https://de.linkedin.com/acme");
        for url in [
            "http://x.com/acme",
            "https://x.com.evil.example/acme",
            "https://evilx.com/acme",
            "https://x.com@evil.example/",
            "https://me:secret@x.com/acme",
            "https://x.com:8443/acme",
            "javascript:alert(1)",
            "x.com/acme",
            "",
        ] {
            assert_eq!(link(Platform::Twitter, url).unwrap_err().code, "not_a_link", "{url}");
        }
        let long = format!("https://x.com/{}", "a".repeat(MAX_URL_BYTES));
        assert!(link(Platform::Twitter, &long).is_err());
    }
}
