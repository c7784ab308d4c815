//! Stored idempotency keys.

use async_trait::async_trait;
use domain::{
    admin::{IdempotencyRecord, IdempotencyRepo},
    clock::Timestamp,
    store::StoreError,
};
use sea_orm::{ColumnTrait, ExprTrait, prelude::Expr, sea_query::OnConflict};

use super::rows::idempotency_keys::{Column, Entity, Model};
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition on the key of the scope's user. Nobody else reaches it, whatever its reach.
    fn own_key(&self, sql: Sql, key: &str) -> Result<Sql<Met>, StoreError> {
        let user = self.tenant()?.user_id.ok_or(StoreError::OutOfScope("idempotency keys belong to a user"))?;
        Ok(self.of_tenant(sql, "tenant_id")?.text(" AND user_id = ").bind(user.0).text(" AND key = ").bind(key))
    }
}

#[async_trait]
impl<B: SqlBackend> IdempotencyRepo for SqlRepos<B> {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<IdempotencyRecord>, StoreError> {
        let sql = Sql::new("idempotency.get", "SELECT ").columns::<Entity>("i");
        let sql = self.own_key(sql.text(" FROM idempotency_keys i WHERE "), key)?.text(" AND expires_at > ").bind(now);
        self.row::<Model>(sql).await?.map(IdempotencyRecord::try_from).transpose()
    }

    async fn insert(&self, record: &IdempotencyRecord) -> Result<(), StoreError> {
        let replaced = [
            Column::Fingerprint,
            Column::AnswerStatus,
            Column::AnswerBody,
            Column::CreatedAt,
            Column::UpdatedAt,
            Column::ExpiresAt,
        ];
        let replace_expired = OnConflict::columns([Column::TenantId, Column::UserId, Column::Key])
            .update_columns(replaced)
            .action_and_where(Column::ExpiresAt.into_expr().lte(Expr::cust("excluded.created_at")))
            .to_owned();
        if self.insert_unless::<Entity>("idempotency.insert", record, Some(replace_expired)).await? == 0 {
            let constraint = "idempotency_keys_pkey".to_owned();
            return Err(self.poison(StoreError::Conflict { constraint }));
        }
        Ok(())
    }

    async fn remove_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let name = "idempotency.remove_expired";
        let sql = Sql::new(name, "DELETE FROM idempotency_keys WHERE (tenant_id, user_id, key) IN")
            .text(" (SELECT tenant_id, user_id, key FROM idempotency_keys WHERE expires_at <= ")
            .bind(now)
            .text(" ORDER BY expires_at LIMIT ")
            .bind(i64::from(limit))
            .text(")");
        self.execute(self.across_tenants(sql)?).await
    }
}
