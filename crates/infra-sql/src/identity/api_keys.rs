//! Stored API keys.

use domain::access::Purpose;
use domain::{
    identity::{ApiKey, ApiKeyRepo},
    ids::ApiKeyId,
};

use crate::{
    prelude::*,
    sql::{Met, Sql},
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Uuid,
    pub name: String,
    pub description: Option<String>,
    pub prefix: String,
    pub last_four: String,
    pub key_hash: String,
    pub scopes: Option<Json>,
    pub made_by_key_id: Option<Uuid>,
    pub is_active: bool,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(ApiKey, tenant TenantId, owner UserId);
listed!();
mapping!(ApiKey {
    id,
    tenant_id,
    user_id,
    name,
    description,
    prefix,
    last_four,
    key_hash,
    scopes,
    made_by_key_id,
    is_active,
    expires_at,
    last_used_at,
    created_at,
    updated_at
});

impl<B: SqlBackend> SqlRepos<B> {
    /// Ends what lives of a key of the scope's user, of those that it made, and so on. However many there are, it names
    /// the first alone.
    fn end_with_made(&self, id: ApiKeyId, at: Timestamp) -> Result<Sql<Met>, StoreError> {
        let scope = self.tenant()?;
        let (tenant, owner) = (scope.tenant_id.0, scope.user_id.map(|id| id.0));
        let sql = Sql::new("api_keys.revoke", "WITH RECURSIVE made AS (SELECT k.id FROM api_keys k WHERE k.id = ");
        let sql = sql.bind(id.0).text(" AND k.user_id = ").bind(owner).text(" AND ");
        Ok(sql
            .in_reach::<Entity>("k", scope, Purpose::Change)
            .text(" UNION SELECT k.id FROM made JOIN api_keys k ON k.made_by_key_id = made.id AND k.tenant_id = ")
            .bind(tenant)
            .text(" AND k.user_id = ")
            .bind(owner)
            .text(") UPDATE api_keys AS e SET is_active = ")
            .bind(false)
            .text(", updated_at = ")
            .bind(at)
            .text(" WHERE e.tenant_id = ")
            .bind(tenant)
            .text(" AND e.id IN (SELECT id FROM made) AND e.is_active = ")
            .bind(true)
            .text(" AND (e.expires_at IS NULL OR e.expires_at > ")
            .bind(at)
            .text(")"))
    }
}

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
        // One after the other: what is being made by a key holds its row, so a pass that has waited for that may have
        // missed it. Each pass ends a key at least, and what has ended makes no more.
        let mut ended = self.execute(self.end_with_made(id, at)?).await?;
        let has_ended = ended > 0;
        while ended > 0 {
            ended = self.execute(self.end_with_made(id, at)?).await?;
        }
        Ok(has_ended)
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
