//! Folding the ledger into daily sums, day by day.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime};
use domain::{
    access::{Purpose, Rows},
    clock::Timestamp,
    ids::TenantId,
    money::Money,
    store::StoreError,
    usage::{
        UsageLog,
        daily::{Span, midnight_of, next_midnight},
    },
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use super::summary::within;
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

#[derive(FromQueryResult)]
struct FoldRow {
    closed_before: Timestamp,
    folded_before: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct FirstRow {
    first: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct TenantRow {
    id: Uuid,
}

#[derive(FromQueryResult)]
struct WrongDayRow {
    day: String,
    difference: i64,
}

/// A table of kept sums `d`, and by what they are apart: there, in the ledger `u`, and in both together.
#[derive(Clone, Copy)]
struct Kept {
    table: &'static str,
    days: &'static str,
    rows: &'static str,
    keys: &'static str,
}

const BY_USER: Kept = Kept {
    table: " FROM usage_daily d WHERE ",
    days: "d.user_id, d.agent_type, d.provider, d.model",
    rows: "u.user_id, u.agent_type, u.provider, u.model",
    keys: "user_id, agent_type, provider, model",
};
const OF_ALL_USERS: Kept = Kept {
    table: " FROM usage_daily_totals d WHERE ",
    days: "d.agent_type, d.provider, d.model",
    rows: "u.agent_type, u.provider, u.model",
    keys: "agent_type, provider, model",
};

impl<B: SqlBackend> SqlRepos<B> {
    /// Whether the scope reaches all usage of its tenant.
    pub(super) fn has_the_books(&self) -> Result<bool, StoreError> {
        Ok(self.tenant()?.rows::<UsageLog>(Purpose::Read) == Rows::All)
    }

    /// Refuses scopes that do not.
    pub(super) fn need_the_books(&self) -> Result<(), StoreError> {
        if self.has_the_books()? {
            return Ok(());
        }
        Err(StoreError::OutOfScope("the books are checked by those who see the tenant's usage"))
    }

    pub(super) async fn find_unfolded_tenants(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<TenantId>, StoreError> {
        let sql = Sql::new("usage.unfolded_tenants", "SELECT t.id FROM tenants t LEFT JOIN usage_folds f")
            .text(" ON f.tenant_id = t.id WHERE EXISTS (SELECT 1 FROM usage_logs u WHERE u.tenant_id = t.id")
            .text(" AND u.requested_at < ")
            .bind(before)
            // As a bound, not a second condition: so the index leads to the rows that are not folded.
            .text(" AND u.requested_at >= COALESCE(f.folded_before, ")
            .bind(Timestamp::UNIX_EPOCH)
            .text(")) OR EXISTS (SELECT 1 FROM usage_late l WHERE l.tenant_id = t.id")
            .text(" AND l.requested_at < f.folded_before) ORDER BY f.folded_before NULLS FIRST, t.id LIMIT ")
            .bind(i64::from(limit));
        let rows = self.rows::<TenantRow>(self.across_tenants(sql)?).await?;
        Ok(rows.into_iter().map(|TenantRow { id }| id.into()).collect())
    }

    pub(super) async fn close_ledger(&self, before: Timestamp) -> Result<(), StoreError> {
        self.need_the_books()?;
        let now = self.now();
        let sql = Sql::new("usage.close", "INSERT INTO usage_folds (tenant_id, closed_before, created_at, updated_at)")
            .text(" VALUES (")
            .bind_tenant(self.tenant()?)
            .text(", ")
            .bind(before)
            .text(", ")
            .bind(now)
            .text(", ")
            .bind(now)
            .text(") ON CONFLICT (tenant_id) DO UPDATE SET closed_before = excluded.closed_before")
            .text(", updated_at = excluded.updated_at WHERE usage_folds.closed_before < excluded.closed_before");
        self.execute(sql).await.map(drop)
    }

    /// Locks the tenant's state against others that fold.
    async fn lock_fold(&self) -> Result<Option<FoldRow>, StoreError> {
        self.need_the_books()?;
        self.refuse_unless_writable()?;
        let sql = Sql::new("usage.lock_fold", "SELECT closed_before, folded_before FROM usage_folds WHERE ");
        self.row(self.for_update(self.of_tenant(sql, "tenant_id")?)).await
    }

    // Rows that are late are looked for first: their day is folded already. Else the next day is the one of
    // the first row that is not folded. Between that row and what is folded nothing is to be counted: whatever
    // is not seen here, as it comes later, is noted as late.
    pub(super) async fn fold_next(&self, before: Timestamp) -> Result<bool, StoreError> {
        let fold = self.lock_fold().await?.filter(|fold| before <= fold.closed_before).ok_or(StoreError::Stale)?;
        let folded = fold.folded_before;
        if let Some(folded) = folded {
            let late = Sql::new("usage.first_late", "SELECT MIN(requested_at) AS first FROM usage_late WHERE ");
            if let Some(first) = self.first(late, Span { from: None, to: Some(folded) }).await? {
                self.add_up(midnight_of(first), folded).await?;
                return Ok(true);
            }
            if before <= folded {
                return Ok(false);
            }
        }
        let next = Sql::new("usage.first_unfolded", "SELECT MIN(requested_at) AS first FROM usage_logs WHERE ");
        let end = match self.first(next, Span { from: folded, to: Some(before) }).await? {
            Some(first) => self.add_up(midnight_of(first), before).await?,
            None => before,
        };
        let sql = Sql::new("usage.folded", "UPDATE usage_folds SET folded_before = ").bind(end);
        let sql = sql.text(", updated_at = ").bind(self.now()).text(" WHERE ");
        self.command(self.of_tenant(sql, "tenant_id")?).await?;
        Ok(end < before)
    }

    pub(super) async fn add_up_again(&self, day: NaiveDate) -> Result<(), StoreError> {
        let folded = self.lock_fold().await?.and_then(|fold| fold.folded_before);
        let midnight = day.and_time(NaiveTime::MIN).and_utc();
        match folded.filter(|folded| midnight < *folded) {
            Some(folded) => self.add_up(midnight, folded).await.map(drop),
            None => Ok(()),
        }
    }

    async fn first(&self, sql: Sql, span: Span) -> Result<Option<Timestamp>, StoreError> {
        let sql = within(self.of_tenant(sql, "tenant_id")?, "requested_at", span);
        Ok(self.row::<FirstRow>(sql).await?.and_then(|FirstRow { first }| first))
    }

    /// Makes the sums of a day those of its rows before a time; returns where they end.
    // A late row whose note is gone by now is counted here, one whose note is there counts by that. So a row
    // that comes between two of these statements, with its note, is counted once; which is why the notes go
    // first, and by a statement of their own.
    async fn add_up(&self, day: Timestamp, before: Timestamp) -> Result<Timestamp, StoreError> {
        let end = next_midnight(day).map_or(before, |next| next.min(before));
        let span = Span { from: Some(day), to: Some(end) };
        let notes = self.of_tenant(Sql::new("usage.forget_late", "DELETE FROM usage_late WHERE "), "tenant_id")?;
        self.execute(within(notes, "requested_at", span)).await?;
        for sums in ["DELETE FROM usage_daily WHERE ", "DELETE FROM usage_daily_totals WHERE "] {
            let sums = self.of_tenant(Sql::new("usage.forget_day", sums), "tenant_id")?;
            self.execute(sums.text(" AND day = ").bind(day)).await?;
        }
        let sql = Sql::new("usage.add_up", "INSERT INTO usage_daily (tenant_id, day, number, user_id, agent_type")
            .text(", provider, model, request_count, input_tokens, output_tokens, cost_nano_usd, unknown_cost_count")
            .text(", created_at) SELECT ")
            .bind_tenant(self.tenant()?)
            .text(", ")
            .bind(day)
            .text(", ROW_NUMBER() OVER (), u.user_id, u.agent_type, u.provider, u.model, COUNT(*)")
            .text(", SUM(u.input_tokens), SUM(u.output_tokens), COALESCE(SUM(u.cost_nano_usd), 0)")
            .text(", COUNT(*) - COUNT(u.cost_nano_usd), ")
            .bind(self.now())
            .then(|sql| self.folded_rows(sql, span))?
            .text(" GROUP BY u.user_id, u.agent_type, u.provider, u.model");
        self.execute(sql).await?;
        let totals = Sql::new("usage.add_up_totals", "INSERT INTO usage_daily_totals (tenant_id, day, agent_type")
            .text(", provider, model, request_count, input_tokens, output_tokens, cost_nano_usd, unknown_cost_count")
            .text(", created_at) SELECT d.tenant_id, d.day, d.agent_type, d.provider, d.model, SUM(d.request_count)")
            .text(", SUM(d.input_tokens), SUM(d.output_tokens), SUM(d.cost_nano_usd), SUM(d.unknown_cost_count), ")
            .bind(self.now())
            .text(" FROM usage_daily d WHERE ");
        let totals = self.of_tenant(totals, "d.tenant_id")?.text(" AND d.day = ").bind(day);
        self.execute(totals.text(" GROUP BY d.tenant_id, d.day, d.agent_type, d.provider, d.model")).await?;
        Ok(end)
    }

    /// Adds the table and the condition for the rows `u` that sums count: those of a span that are not noted
    /// as late.
    fn folded_rows<S>(&self, sql: Sql<S>, span: Span) -> Result<Sql<Met>, StoreError> {
        let sql = self.of_tenant(sql.text(" FROM usage_logs u WHERE "), "u.tenant_id")?;
        let not_late =
            " AND NOT EXISTS (SELECT 1 FROM usage_late l WHERE l.tenant_id = u.tenant_id AND l.log_id = u.id)";
        Ok(within(sql, "u.requested_at", span).text(not_late))
    }

    pub(super) async fn find_wrong_days(&self) -> Result<Vec<(NaiveDate, Money)>, StoreError> {
        self.need_the_books()?;
        let Some(folded) = self.find_folded_before(false).await? else { return Ok(Vec::new()) };
        let span = Span { from: None, to: Some(folded) };
        let mut wrong = BTreeMap::new();
        for kept in [BY_USER, OF_ALL_USERS] {
            for WrongDayRow { day, difference } in self.rows(self.differences(kept, span)?).await? {
                let read = day.parse().map_err(|_| StoreError::Corrupt(format!("'{day}' is no day")))?;
                wrong.entry(read).or_insert(Money(difference));
            }
        }
        Ok(wrong.into_iter().collect())
    }

    /// The days whose kept sums are not those of the ledger, and by how much they cost more.
    fn differences(&self, kept: Kept, span: Span) -> Result<Sql<Met>, StoreError> {
        let sql = Sql::new("usage.wrong_days", "SELECT day, CAST(SUM(difference) AS bigint) AS difference FROM (")
            .text("SELECT day, CAST(SUM(cost) AS bigint) AS difference FROM (SELECT ")
            .then(|sql| self.day_as_text(sql, "d.day"))
            .text(" AS day, ")
            .text(kept.days)
            .text(", d.request_count AS requests, d.input_tokens, d.output_tokens, d.cost_nano_usd AS cost")
            .text(", d.unknown_cost_count AS unknown_costs")
            .text(kept.table);
        let sql = self.of_tenant(sql, "d.tenant_id")?.text(" UNION ALL SELECT ");
        let sql = self
            .day_as_text(sql, "u.requested_at")
            .text(" AS day, ")
            .text(kept.rows)
            .text(", -COUNT(*), -SUM(u.input_tokens), -SUM(u.output_tokens), -COALESCE(SUM(u.cost_nano_usd), 0)")
            .text(", COUNT(u.cost_nano_usd) - COUNT(*)")
            .then(|sql| self.folded_rows(sql, span))?
            .text(" GROUP BY 1, ")
            .text(kept.rows)
            .text(") AS sums GROUP BY day, ")
            .text(kept.keys)
            .text(" HAVING SUM(requests) <> 0 OR SUM(input_tokens) <> 0 OR SUM(output_tokens) <> 0")
            .text(" OR SUM(cost) <> 0 OR SUM(unknown_costs) <> 0) AS wrong GROUP BY day ORDER BY day");
        Ok(sql)
    }
}
