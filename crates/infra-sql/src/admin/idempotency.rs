//! Stored idempotency keys.

use async_trait::async_trait;
use domain::{
    admin::{IdempotencyRecord, IdempotencyRepo},
    clock::Timestamp,
    store::StoreError,
};

use super::rows::idempotency_keys;
use crate::{SqlBackend, SqlRepos, sql::Sql};

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition on the key of the scope's user.
    fn own_key(&self, sql: Sql, key: &str) -> Result<Sql, StoreError> {
        let scope = self.tenant()?;
        let user = scope.user_id.ok_or(StoreError::OutOfScope("idempotency keys belong to a user"))?;
        Ok(sql
            .text("tenant_id = ")
            .bind(scope.tenant_id.0)
            .text(" AND user_id = ")
            .bind(user.0)
            .text(" AND key = ")
            .bind(key))
    }
}

#[async_trait]
impl<B: SqlBackend> IdempotencyRepo for SqlRepos<B> {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<IdempotencyRecord>, StoreError> {
        let sql = Sql::new("SELECT ").columns::<idempotency_keys::Entity>("i").text(" FROM idempotency_keys i WHERE ");
        let sql = self.own_key(sql, key)?.text(" AND expires_at > ").bind(now);
        self.row::<idempotency_keys::Model>(sql).await?.map(IdempotencyRecord::try_from).transpose()
    }

    async fn insert(&self, record: &IdempotencyRecord) -> Result<(), StoreError> {
        self.own_tenant(record.tenant_id)?;
        if self.tenant()?.user_id != Some(record.user_id) {
            return Err(StoreError::OutOfScope("an idempotency key is kept in the scope of its user"));
        }
        let replace_expired = " ON CONFLICT (tenant_id, user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
                               answer_status = excluded.answer_status, answer_body = excluded.answer_body, \
                               created_at = excluded.created_at, updated_at = excluded.updated_at, \
                               expires_at = excluded.expires_at \
                               WHERE idempotency_keys.expires_at <= excluded.created_at";
        if self.add_unless(vec![idempotency_keys::Model::from(record)], replace_expired).await? == 0 {
            let constraint = "idempotency_keys_pkey".to_owned();
            return Err(self.poison(StoreError::Conflict { constraint }));
        }
        Ok(())
    }

    async fn remove_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.installation_only()?;
        let sql = Sql::new("DELETE FROM idempotency_keys WHERE (tenant_id, user_id, key) IN")
            .text(" (SELECT tenant_id, user_id, key FROM idempotency_keys WHERE expires_at <= ")
            .bind(now)
            .text(" ORDER BY expires_at LIMIT ")
            .bind(i64::from(limit))
            .text(")");
        self.execute(sql).await
    }
}
