//! Tenants.

mod social_links;

use async_trait::async_trait;
use domain::{
    access::Purpose,
    ids::TenantId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::{Tenant, TenantRepo},
};

use crate::{
    check::no_nul,
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
