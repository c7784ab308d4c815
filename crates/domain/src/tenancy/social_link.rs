//! Where else a tenant is to be found: one link for each platform.

use url::Url;

use crate::{
    access::protected,
    clock::Timestamp,
    error::ValueError,
    ids::{SocialLinkId, TenantId},
    names::names,
    page::{Page, PageRequest},
    store::{StoreError, repository},
};

/// Most bytes of a link.
pub const MAX_URL_BYTES: usize = 2048;

names! {
    /// Where a link leads.
    pub enum Platform ("platform") {
        Twitter = "twitter",
        Facebook = "facebook",
        LinkedIn = "linkedin",
        Instagram = "instagram",
        YouTube = "youtube",
    }
}

impl Platform {
    /// The domains of its pages; subdomains belong to them.
    #[must_use]
    pub const fn domains(self) -> &'static [&'static str] {
        match self {
            Self::Twitter => &["twitter.com", "x.com"],
            Self::Facebook => &["facebook.com", "fb.com"],
            Self::LinkedIn => &["linkedin.com"],
            Self::Instagram => &["instagram.com"],
            Self::YouTube => &["youtube.com", "youtu.be"],
        }
    }

    /// Checks a link: https, to a page of the platform, without a user name or port in it.
    ///
    /// # Errors
    /// `not_a_link` for the field `url`.
    pub fn link(self, url: &str) -> Result<String, ValueError> {
        let is_ours = |host: &str| {
            let mut subdomains = self.domains().iter().filter_map(|domain| host.strip_suffix(domain));
            subdomains.any(|subdomain| subdomain.is_empty() || subdomain.ends_with('.'))
        };
        let is_link = |url: &Url| {
            let host = url.host_str().filter(|host| *host == url.authority());
            url.scheme() == "https" && url.as_str().len() <= MAX_URL_BYTES && host.is_some_and(is_ours)
        };
        Url::parse(url).ok().filter(is_link).map(String::from).ok_or_else(|| {
            let domains = self.domains().join(" or ");
            let message = format!("must be an https URL on {domains}, at most {MAX_URL_BYTES} bytes long");
            ValueError::new("url", "not_a_link", message)
        })
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
    /// The page, as [`Platform::link`] checked it.
    pub url: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

protected!(SocialLink: Tenancy, tenant |row| Some(row.tenant_id), owner |_| None, shown |_| true);

repository! {
    /// Stored social links, which everybody in the tenant may read.
    pub trait SocialLinkRepo {
        /// Links in reach, newest first.
        async fn list(&self, page: PageRequest) -> Result<Page<SocialLink>, StoreError>;
        /// Adds a link.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when the tenant has one for the platform.
        async fn insert(&self, link: &SocialLink) -> Result<(), StoreError>;
        /// Removes a link; returns whether there was one in reach.
        async fn remove(&self, id: SocialLinkId) -> Result<bool, StoreError>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_its_platform() {
        assert_eq!(Platform::Twitter.link("https://x.com/acme").unwrap(), "https://x.com/acme");
        assert_eq!(Platform::LinkedIn.link("https://DE.linkedin.com/acme").unwrap(), "https://de.linkedin.com/acme");
        for wrong in "http://x.com/a https://x.com.evil.example/ https://evilx.com/ https://x.com@evil.example/ \
            https://me:secret@x.com/ https://x.com:8443/ javascript:alert(1) x.com/acme"
            .split_whitespace()
            .chain(["", &format!("https://x.com/{}", "a".repeat(MAX_URL_BYTES))])
        {
            assert_eq!(Platform::Twitter.link(wrong).unwrap_err().code, "not_a_link", "{wrong}");
        }
    }
}
