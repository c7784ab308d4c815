//! The stored ledger.

use async_trait::async_trait;
use domain::{
    access::{Purpose, Rows},
    clock::Timestamp,
    ids::{ConversationId, RequestId},
    money::Money,
    store::StoreError,
    usage::{ModelPrice, ProviderCall, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageRepo, UsageTotals},
};
use sea_orm::{FromQueryResult, prelude::Uuid, sea_query::OnConflict};

use super::rows::usage_logs;
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
    values::number,
};

#[derive(FromQueryResult)]
struct GroupRow {
    key: String,
    requests: i64,
    input_tokens: i64,
    output_tokens: i64,
    cost: i64,
    unknown_costs: i64,
}

#[derive(FromQueryResult)]
struct DiscrepancyRow {
    id: Uuid,
    difference: i64,
}

impl TryFrom<GroupRow> for UsageGroup {
    type Error = StoreError;

    fn try_from(row: GroupRow) -> Result<Self, StoreError> {
        let GroupRow { key, requests, input_tokens, output_tokens, cost, unknown_costs } = row;
        // Ids come as hexadecimal, with or without dashes; no other key looks like one.
        let key = Uuid::try_parse(&key).map_or(key, |id| id.to_string());
        let totals = UsageTotals {
            requests: number(requests)?,
            input_tokens: number(input_tokens)?,
            output_tokens: number(output_tokens)?,
            cost: Money(cost),
            unknown_costs: number(unknown_costs)?,
        };
        Ok(Self { key, totals })
    }
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the table and the condition for the rows `u` that the filter means and the scope reaches.
    fn ledger_rows(&self, sql: Sql, filter: UsageFilter) -> Result<Sql<Met>, StoreError> {
        let UsageFilter { from, to, conversation } = filter;
        let sql = sql.text(" FROM usage_logs u WHERE ");
        let mut sql = self.in_reach::<usage_logs::Entity, _>(sql, "u", Purpose::Read)?;
        if let Some(from) = from {
            sql = sql.text(" AND u.requested_at >= ").bind(from);
        }
        if let Some(to) = to {
            sql = sql.text(" AND u.requested_at < ").bind(to);
        }
        Ok(match conversation {
            Some(id) => sql.text(" AND u.conversation_id = ").bind(id.0),
            None => sql,
        })
    }

    /// Adds the key of a row's group.
    fn group_key(&self, sql: Sql, by: UsageGrouping) -> Sql {
        match by {
            UsageGrouping::Model => sql.text("u.provider || '/' || u.model"),
            UsageGrouping::User => self.id_as_text(sql.text("COALESCE("), "u.user_id").text(", '')"),
            UsageGrouping::Day => self.requested_day(sql),
            UsageGrouping::Agent => sql.text("u.agent_type"),
            UsageGrouping::Message => self
                .id_as_text(sql.text("CASE WHEN u.message_id IS NOT NULL THEN "), "u.message_id")
                .text(" WHEN u.message_deleted THEN 'deleted' ELSE '' END"),
        }
    }
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
        let sql = self
            .group_key(Sql::new("usage.summary", "SELECT "), by)
            .text(" AS key, COUNT(*) AS requests, CAST(SUM(u.input_tokens) AS bigint) AS input_tokens")
            .text(", CAST(SUM(u.output_tokens) AS bigint) AS output_tokens")
            .text(", CAST(COALESCE(SUM(u.cost_nano_usd), 0) AS bigint) AS cost")
            .text(", COUNT(*) - COUNT(u.cost_nano_usd) AS unknown_costs");
        let sql = self.ledger_rows(sql, filter)?.text(" GROUP BY 1 ORDER BY 1");
        self.rows::<GroupRow>(sql).await?.into_iter().map(UsageGroup::try_from).collect()
    }

    async fn list(&self, filter: UsageFilter, limit: u32) -> Result<Vec<UsageLog>, StoreError> {
        let sql = self
            .ledger_rows(Sql::new("usage.list", "SELECT ").columns::<usage_logs::Entity>("u"), filter)?
            .text(" ORDER BY u.requested_at, u.id LIMIT ")
            .bind(i64::from(limit));
        self.rows::<usage_logs::Model>(sql).await?.into_iter().map(UsageLog::try_from).collect()
    }

    async fn discrepancies(&self) -> Result<Vec<(ConversationId, Money)>, StoreError> {
        if self.tenant()?.rows::<UsageLog>(Purpose::Read) != Rows::All {
            return Err(StoreError::OutOfScope("the books are checked by those who see the tenant's usage"));
        }
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
}
