//! Stored tenants.

use async_trait::async_trait;
use domain::{
    ids::TenantId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::{Tenant, TenantRepo},
};

use super::rows::tenants;
use crate::{SqlBackend, SqlRepos, page::page as keyset, sql::Sql};

impl<B: SqlBackend> SqlRepos<B> {
    fn tenants_in_reach(&self) -> Result<Sql, StoreError> {
        let sql = Sql::new("SELECT ").columns::<tenants::Entity>("t").text(" FROM tenants t WHERE ");
        Ok(match self.tenant_or_installation()? {
            Some(tenant) => sql.text("t.id = ").bind(tenant.0),
            None => sql.text("1 = 1"),
        })
    }
}

#[async_trait]
impl<B: SqlBackend> TenantRepo for SqlRepos<B> {
    async fn get(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        let sql = self.tenants_in_reach()?.text(" AND t.id = ").bind(id.0);
        self.row::<tenants::Model>(sql).await?.map(Tenant::try_from).transpose()
    }

    async fn find_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        let sql = self.tenants_in_reach()?.text(" AND t.slug = ").bind(slug);
        self.row::<tenants::Model>(sql).await?.map(Tenant::try_from).transpose()
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        let rows = self.rows::<tenants::Model>(keyset(self.tenants_in_reach()?, "t", page)).await?;
        let tenants = rows.into_iter().map(Tenant::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_rows(tenants, page.limit, |tenant: &Tenant| Cursor { at: tenant.created_at, id: tenant.id.0 }))
    }

    async fn insert(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.own_tenant(tenant.id)?;
        self.add(vec![tenants::Model::from(tenant)]).await
    }
}
