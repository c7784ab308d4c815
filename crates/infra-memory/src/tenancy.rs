//! Tenants, and what they show of themselves.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    ids::{SocialLinkId, TenantId},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::{SocialLink, SocialLinkRepo, Tenant, TenantRepo},
};

use crate::{
    check::no_nul,
    references::Reference,
    store::MemoryTx,
    table::{Key, Row, columns, place},
};

impl Row for Tenant {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_tenants_slug", of: |tenant| Some(place![tenant.slug.as_str()]) }];
    columns!(id: TenantId);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.name])
    }
}

#[async_trait]
impl TenantRepo for MemoryTx {
    async fn get(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.get_row(&id)
    }

    async fn find_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        let filter = self.scope.filter::<Tenant>(Purpose::Read)?;
        self.read(|state| {
            let found = state.tenants.find("uq_tenants_slug", place![slug]);
            Ok(found.filter(|tenant| filter.admits(*tenant)).cloned())
        })
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        self.page_of(page, |_| true, |tenant: &Tenant| Cursor { at: tenant.created_at, id: tenant.id.0 })
    }

    async fn insert(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.add(tenant)
    }
}

impl Row for SocialLink {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_social_links_platform", of: |link| Some(place![link.tenant_id.0, link.platform.as_str()]) }];
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Tenant>(&["tenant_id"]).cascades()];
    columns!(id: SocialLinkId, tenant_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.url])
    }
}

#[async_trait]
impl SocialLinkRepo for MemoryTx {
    async fn list(&self, page: PageRequest) -> Result<Page<SocialLink>, StoreError> {
        self.page_of(page, |_| true, |link: &SocialLink| Cursor { at: link.created_at, id: link.id.0 })
    }

    async fn insert(&self, link: &SocialLink) -> Result<(), StoreError> {
        self.add(link)
    }

    async fn remove(&self, id: SocialLinkId) -> Result<bool, StoreError> {
        self.remove_row::<SocialLink>(&id)
    }
}
