//! Stored API keys.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{ApiKey, ApiKeyRepo},
    ids::ApiKeyId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use super::rows::api_keys;
use crate::{SqlBackend, SqlRepos, page::page as keyset, sql::Sql};

#[async_trait]
impl<B: SqlBackend> ApiKeyRepo for SqlRepos<B> {
    async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let sql = Sql::new("SELECT ").columns::<api_keys::Entity>("k").text(" FROM api_keys k WHERE id = ");
        let sql = self.identity_in_reach(sql.bind(id.0).text(" AND "), "user_id")?;
        self.row::<api_keys::Model>(sql).await?.map(ApiKey::try_from).transpose()
    }

    async fn list(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let scope = self.tenant()?;
        let sql = Sql::new("SELECT ")
            .columns::<api_keys::Entity>("k")
            .text(" FROM api_keys k WHERE k.tenant_id = ")
            .bind(scope.tenant_id.0)
            .text(" AND k.user_id = ")
            .bind(scope.user_id.map(|id| id.0));
        let rows = self.rows::<api_keys::Model>(keyset(sql, "k", page)).await?;
        let keys = rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_rows(keys, page.limit, |key: &ApiKey| Cursor { at: key.created_at, id: key.id.0 }))
    }

    async fn insert(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.own_tenant(key.tenant_id)?;
        self.add(vec![api_keys::Model::try_from(key)?]).await
    }

    async fn revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let scope = self.tenant()?;
        let sql = Sql::new("UPDATE api_keys SET is_active = ")
            .bind(false)
            .text(", updated_at = ")
            .bind(at)
            .text(" WHERE is_active AND (expires_at IS NULL OR expires_at > ")
            .bind(at)
            .text(") AND id = ")
            .bind(id.0)
            .text(" AND tenant_id = ")
            .bind(scope.tenant_id.0)
            .text(" AND user_id = ")
            .bind(scope.user_id.map(|id| id.0));
        Ok(self.execute(sql).await? > 0)
    }

    async fn record_use(&self, id: ApiKeyId, at: Timestamp) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE api_keys SET last_used_at = ")
            .bind(at)
            .text(", updated_at = ")
            .bind(at)
            .text(" WHERE id = ")
            .bind(id.0)
            .text(" AND ");
        self.command(self.identity_in_reach(sql, "user_id")?).await
    }
}
