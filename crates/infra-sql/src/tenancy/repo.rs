//! Stored tenants.

use async_trait::async_trait;
use domain::{
    ids::TenantId,
    page::{Page, PageRequest},
    store::StoreError,
    tenancy::{Tenant, TenantRepo},
};
use sea_orm::ColumnTrait;

use super::rows::tenants::{Column, Entity};
use crate::{SqlBackend, SqlRepos};

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
