//! Stored API keys.

use domain::{
    identity::{ApiKey, ApiKeyRepo},
    ids::ApiKeyId,
};
use sea_orm::Condition;

use crate::prelude::*;

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
        let is_live = || Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(at));
        let end = |made: Condition| {
            let owner = self.tenant()?.user_id.map(|id| id.0);
            Ok::<_, StoreError>(
                self.changing::<Entity>("api_keys.revoke")?
                    .set(Column::IsActive, false)
                    .set(Column::UpdatedAt, at)
                    .filter(made)
                    .filter(Column::UserId.eq(owner))
                    .filter(Column::IsActive.eq(true))
                    .filter(is_live()),
            )
        };
        if self.change(end(Condition::all().add(Column::Id.eq(id.0)))?).await? == 0 {
            return Ok(false);
        }
        // One generation after the other: few keys make keys.
        let mut makers = vec![id.0];
        while !makers.is_empty() {
            let made = self.reached::<Entity>("api_keys.made_by")?.filter(Column::MadeByKeyId.is_in(makers));
            let made: Vec<ApiKey> = self.all(made).await?;
            makers = made.iter().map(|key| key.id.0).collect();
            if !makers.is_empty() {
                self.change(end(Condition::all().add(Column::Id.is_in(makers.clone())))?).await?;
            }
        }
        Ok(true)
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
