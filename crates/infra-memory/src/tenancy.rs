//! Tenants.

use async_trait::async_trait;
use domain::{
    access::Scope,
    ids::TenantId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::{Tenant, TenantRepo},
};

use crate::{
    check::{conflict, no_nul},
    page::newest_first,
    store::MemoryTx,
};

impl MemoryTx {
    fn reaches_tenant(&self, id: TenantId) -> bool {
        match &self.scope {
            Scope::Tenant(scope) => scope.tenant_id == id,
            Scope::Installation { .. } => true,
            Scope::SignIn => false,
        }
    }
}

#[async_trait]
impl TenantRepo for MemoryTx {
    async fn get(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| Ok(state.tenants.get(&id).filter(|_| self.reaches_tenant(id)).cloned()))
    }

    async fn find_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| {
            let mut reached = state.tenants.values().filter(|tenant| self.reaches_tenant(tenant.id));
            Ok(reached.find(|tenant| tenant.slug.as_str() == slug).cloned())
        })
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| {
            let rows = state.tenants.values().filter(|tenant| self.reaches_tenant(tenant.id));
            Ok(newest_first(rows, page, |tenant| Cursor { at: tenant.created_at, id: tenant.id.0 }))
        })
    }

    async fn insert(&self, tenant: &Tenant) -> Result<(), StoreError> {
        if self.tenant()?.tenant_id != tenant.id {
            return Err(StoreError::OutOfScope("a tenant is added in its own scope"));
        }
        self.write(|state| {
            no_nul([tenant.name.as_str()])?;
            if state.tenants.contains_key(&tenant.id) {
                return Err(conflict("tenants_pkey"));
            }
            if state.tenants.values().any(|other| other.slug == tenant.slug) {
                return Err(conflict("uq_tenants_slug"));
            }
            state.tenants.insert_mut(tenant.id, tenant.clone());
            Ok(())
        })
    }
}
