//! The port to stored tenants.

use crate::{
    ids::{SocialLinkId, TenantId},
    page::{Page, PageRequest},
    store::{StoreError, repository},
    tenancy::{SocialLink, Tenant},
};

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
        /// Removes a link; tells whether there was one in reach.
        async fn remove(&self, id: SocialLinkId) -> Result<bool, StoreError>;
    }
}
