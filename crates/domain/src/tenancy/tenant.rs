//! The tenant: an organisation, and the wall around its data.

use crate::{
    access::protected,
    clock::Timestamp,
    error::ValueError,
    ids::TenantId,
    page::{Page, PageRequest},
    store::{StoreError, repository},
};

/// Most characters of a slug.
pub const MAX_SLUG_CHARS: usize = 63;

/// An organisation that uses this installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// Its name for URLs and sign-in; unique in the installation.
    pub slug: Slug,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

protected!(Tenant: Tenancy, tenant |row| Some(row.id), owner |_| None, shown |_| true, across Everything);

repository! {
    /// Stored tenants. Within a tenant's scope only that tenant is there.
    pub trait TenantRepo {
        /// The tenant, if the scope reaches it.
        async fn get(&self, id: TenantId) -> Result<Option<Tenant>, StoreError>;
        /// The tenant of this slug, if the scope reaches it.
        async fn find_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError>;
        /// Tenants, newest first (all of them only in an installation scope).
        async fn list(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError>;
        /// Adds a tenant, within the scope of its own id.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when the slug is taken.
        async fn insert(&self, tenant: &Tenant) -> Result<(), StoreError>;
    }
}

/// A URL-safe name: lower-case letters, digits and single hyphens inside, at most 63 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slug(String);

impl Slug {
    /// Parses a slug.
    ///
    /// # Errors
    /// `not_a_slug` for the field `slug`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let valid = !value.is_empty()
            && value.len() <= MAX_SLUG_CHARS
            && value.split('-').all(|word| {
                !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            });
        if valid {
            Ok(Self(value.to_owned()))
        } else {
            let message = "must be lower-case letters, digits and hyphens, such as 'acme-labs', at most 63 characters";
            Err(ValueError::new("slug", "not_a_slug", message))
        }
    }

    /// Makes a slug out of a tenant's name; a name without usable characters becomes `tenant`.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        let words: Vec<String> = name
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        let mut slug = words.join("-");
        slug.truncate(MAX_SLUG_CHARS);
        let slug = slug.trim_end_matches('-');
        Self(if slug.is_empty() { "tenant".to_owned() } else { slug.to_owned() })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_slug_that_parses() {
        for (name, slug) in [("Acme Labs, Inc.", "acme-labs-inc"), ("  ", "tenant"), ("Ünïcode", "n-code")] {
            assert_eq!(Slug::from_name(name).as_str(), slug);
            assert!(Slug::parse(slug).is_ok());
        }
        assert!(Slug::parse(Slug::from_name(&"long name ".repeat(20)).as_str()).is_ok());
    }

    #[test]
    fn what_is_not_a_slug_is_refused() {
        for value in ["", "-a", "a-", "a--b", "A", "a b", "é", &"a".repeat(64)] {
            assert_eq!(Slug::parse(value).unwrap_err().code, "not_a_slug", "{value}");
        }
    }
}
