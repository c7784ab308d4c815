//! The stored ledger.

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{
    clock::Timestamp,
    ids::{ConversationId, RequestId, TenantId},
    money::Money,
    store::StoreError,
    usage::{ModelPrice, ProviderCall, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageRepo},
};
use sea_orm::{FromQueryResult, prelude::Uuid, sea_query::OnConflict};

use super::rows::usage_logs;
use crate::{SqlBackend, SqlRepos, sql::Sql};

#[derive(FromQueryResult)]
struct DiscrepancyRow {
    id: Uuid,
    difference: i64,
}

#[async_trait]
impl<B: SqlBackend> UsageRepo for SqlRepos<B> {
    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        self.put_call(call).await
    }

    async fn forget_call(&self, request: RequestId) -> Result<(), StoreError> {
        self.remove_call(request).await
    }

    async fn call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError> {
        self.find_call(request).await
    }

    async fn abandoned_calls(&self, now: Timestamp, limit: u32) -> Result<Vec<ProviderCall>, StoreError> {
        self.find_abandoned_calls(now, limit).await
    }

    async fn insert(&self, row: &UsageLog) -> Result<bool, StoreError> {
        self.backend.scope().may_add(row)?;
        let rows = vec![usage_logs::Model { created_at: self.now(), ..usage_logs::Model::try_from(row)? }];
        let key = [usage_logs::Column::TenantId, usage_logs::Column::RequestId];
        let counted = OnConflict::columns(key).do_nothing().to_owned();
        let mut added = 0;
        for sql in self.inserts("usage.insert", rows, Some(counted)) {
            added += self.execute(sql.met()).await?;
        }
        Ok(added > 0)
    }

    async fn summary(&self, filter: UsageFilter, by: UsageGrouping) -> Result<Vec<UsageGroup>, StoreError> {
        self.sum_up(filter, by).await
    }

    async fn list(&self, filter: UsageFilter, limit: u32) -> Result<Vec<UsageLog>, StoreError> {
        let sql = self
            .ledger_rows(Sql::new("usage.list", "SELECT ").columns::<usage_logs::Entity>("u"), filter)?
            .text(" ORDER BY u.requested_at, u.id LIMIT ")
            .bind(i64::from(limit));
        self.rows::<usage_logs::Model>(sql).await?.into_iter().map(UsageLog::try_from).collect()
    }

    async fn discrepancies(&self) -> Result<Vec<(ConversationId, Money)>, StoreError> {
        self.need_the_books()?;
        let sql = Sql::new(
            "usage.discrepancies",
            "SELECT c.id, CAST(c.cost_nano_usd - COALESCE(SUM(u.cost_nano_usd), 0) AS bigint)",
        )
        .text(" AS difference FROM conversations c LEFT JOIN usage_logs u")
        .text(" ON u.tenant_id = c.tenant_id AND u.conversation_id = c.id WHERE ");
        let sql = self
            .of_tenant(sql, "c.tenant_id")?
            .text(" GROUP BY c.id, c.cost_nano_usd, c.input_tokens, c.output_tokens, c.request_count")
            .text(", c.unknown_cost_count HAVING c.cost_nano_usd <> COALESCE(SUM(u.cost_nano_usd), 0)")
            .text(" OR c.input_tokens <> COALESCE(SUM(u.input_tokens), 0)")
            .text(" OR c.output_tokens <> COALESCE(SUM(u.output_tokens), 0)")
            .text(" OR c.request_count <> COUNT(u.id)")
            .text(" OR c.unknown_cost_count <> COUNT(u.id) - COUNT(u.cost_nano_usd) ORDER BY c.id");
        let rows: Vec<DiscrepancyRow> = self.rows(sql).await?;
        Ok(rows.into_iter().map(|DiscrepancyRow { id, difference }| (id.into(), Money(difference))).collect())
    }

    async fn unfolded_tenants(&self, before: Timestamp, limit: u32) -> Result<Vec<TenantId>, StoreError> {
        self.find_unfolded_tenants(before, limit).await
    }

    async fn close(&self, before: Timestamp) -> Result<(), StoreError> {
        self.close_ledger(before).await
    }

    async fn fold(&self, before: Timestamp) -> Result<bool, StoreError> {
        self.fold_next(before).await
    }

    async fn refold(&self, day: NaiveDate) -> Result<(), StoreError> {
        self.add_up_again(day).await
    }

    async fn wrong_days(&self) -> Result<Vec<(NaiveDate, Money)>, StoreError> {
        self.find_wrong_days().await
    }

    async fn folded_before(&self) -> Result<Option<Timestamp>, StoreError> {
        self.need_the_books()?;
        self.find_folded_before(false).await
    }
}
