//! Tenants.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    ids::TenantId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::{Tenant, TenantRepo},
};

use crate::{
    MapTx,
    tables::{conflict, newest_first},
};

#[async_trait]
impl TenantRepo for MapTx {
    async fn get(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let reached = self.scope.filter::<Tenant>(Purpose::Read)?;
        self.read(|tables| Ok(tables.tenants.get(&id).filter(|tenant| reached.admits(*tenant)).cloned()))
    }

    async fn find_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        let reached = self.scope.filter::<Tenant>(Purpose::Read)?;
        let wanted = |tenant: &&Tenant| tenant.slug.as_str() == slug && reached.admits(*tenant);
        self.read(|tables| Ok(tables.tenants.values().find(wanted).cloned()))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        let reached = self.scope.filter::<Tenant>(Purpose::Read)?;
        self.read(|tables| {
            let rows = tables.tenants.values().filter(|tenant| reached.admits(*tenant));
            Ok(newest_first(rows, page, |tenant| Cursor { at: tenant.created_at, id: tenant.id.0 }))
        })
    }

    async fn insert(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.scope.may_add(tenant)?;
        self.write(|tables| {
            if tables.tenants.contains_key(&tenant.id) {
                return Err(conflict("tenants_pkey"));
            }
            if tables.tenants.values().any(|other| other.slug == tenant.slug) {
                return Err(conflict("uq_tenants_slug"));
            }
            tables.tenants.insert(tenant.id, tenant.clone());
            Ok(())
        })
    }
}
