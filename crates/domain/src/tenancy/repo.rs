//! The port to stored tenants.

use crate::{
    ids::TenantId,
    page::{Page, PageRequest},
    store::{StoreError, repository},
    tenancy::Tenant,
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
