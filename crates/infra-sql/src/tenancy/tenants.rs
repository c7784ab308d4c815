//! Stored tenants.

use domain::{
    ids::TenantId,
    tenancy::{Tenant, TenantRepo},
};

use crate::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub slug: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(Tenant, tenant Id, shown always);
listed!();
mapping!(Tenant { id, name, slug, created_at, updated_at });

#[async_trait]
impl<B: SqlBackend> TenantRepo for SqlRepos<B> {
    async fn get(&self, id: TenantId) -> Result<Option<Tenant>, StoreError> {
        self.one(self.reached::<Entity>("tenants.get")?.filter(Column::Id.eq(id.0))).await
    }

    async fn find_by_slug(&self, slug: &str) -> Result<Option<Tenant>, StoreError> {
        self.one(self.reached::<Entity>("tenants.find_by_slug")?.filter(Column::Slug.eq(slug))).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Tenant>, StoreError> {
        self.page(self.reached::<Entity>("tenants.list")?, page).await
    }

    async fn insert(&self, tenant: &Tenant) -> Result<(), StoreError> {
        self.insert_one::<Entity>("tenants.insert", tenant).await
    }
}
