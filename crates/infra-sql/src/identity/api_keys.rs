//! Stored API keys.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{ApiKey, ApiKeyRepo},
    ids::ApiKeyId,
    page::{Page, PageRequest},
    store::StoreError,
};
use sea_orm::{ColumnTrait, Condition};

use super::rows::api_keys::{Column, Entity};
use crate::{SqlBackend, SqlRepos};

#[async_trait]
impl<B: SqlBackend> ApiKeyRepo for SqlRepos<B> {
    async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.one(self.reached::<Entity>("api_keys.get")?.filter(Column::Id.eq(id.0))).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let own = Column::UserId.eq(self.tenant()?.user_id.map(|id| id.0));
        self.page(self.reached::<Entity>("api_keys.list")?.filter(own), page).await
    }

    async fn insert(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.insert_one::<Entity>("api_keys.insert", key).await
    }

    async fn revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let is_live = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(at));
        let command = self
            .changing::<Entity>("api_keys.revoke")?
            .set(Column::IsActive, false)
            .set(Column::UpdatedAt, at)
            .filter(Column::Id.eq(id.0))
            .filter(Column::UserId.eq(self.tenant()?.user_id.map(|id| id.0)))
            .filter(Column::IsActive.eq(true))
            .filter(is_live);
        Ok(self.change(command).await? > 0)
    }

    async fn record_use(&self, id: ApiKeyId, at: Timestamp) -> Result<(), StoreError> {
        let command = self
            .changing::<Entity>("api_keys.record_use")?
            .set(Column::LastUsedAt, at)
            .set(Column::UpdatedAt, at)
            .filter(Column::Id.eq(id.0));
        self.change_one(command).await
    }
}
