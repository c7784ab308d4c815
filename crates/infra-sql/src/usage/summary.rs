//! Sums by group: of kept days, of late rows, and of the ledger.

use std::collections::BTreeMap;

use domain::{
    access::Purpose,
    clock::Timestamp,
    money::Money,
    store::{Mode, StoreError},
    usage::{
        UsageFilter, UsageGroup, UsageGrouping, UsageTotals,
        daily::{Span, SummaryParts},
    },
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use super::rows::{usage_daily, usage_logs};
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
    values::number,
};

#[derive(FromQueryResult)]
struct GroupRow {
    /// Whether it counts, or is too much.
    counts: bool,
    key: String,
    requests: i64,
    input_tokens: i64,
    output_tokens: i64,
    cost: i64,
    unknown_costs: i64,
}

/// Adds to a sum, or takes from it.
type Combine = fn(UsageTotals, UsageTotals) -> Option<UsageTotals>;

#[derive(FromQueryResult)]
struct FoldedRow {
    folded_before: Option<Timestamp>,
}

impl TryFrom<GroupRow> for UsageGroup {
    type Error = StoreError;

    fn try_from(row: GroupRow) -> Result<Self, StoreError> {
        let GroupRow { key, requests, input_tokens, output_tokens, cost, unknown_costs, .. } = row;
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

/// The sums of rows of the ledger `u`.
const OF_ROWS: &str = ", COUNT(*) AS requests, CAST(SUM(u.input_tokens) AS bigint) AS input_tokens\
    , CAST(SUM(u.output_tokens) AS bigint) AS output_tokens, CAST(COALESCE(SUM(u.cost_nano_usd), 0) AS bigint) AS cost\
    , COUNT(*) - COUNT(u.cost_nano_usd) AS unknown_costs";
/// The same of kept sums `u`.
const OF_DAYS: &str = ", CAST(SUM(u.request_count) AS bigint) AS requests\
    , CAST(SUM(u.input_tokens) AS bigint) AS input_tokens, CAST(SUM(u.output_tokens) AS bigint) AS output_tokens\
    , CAST(SUM(u.cost_nano_usd) AS bigint) AS cost, CAST(SUM(u.unknown_cost_count) AS bigint) AS unknown_costs";

/// Adds the condition that a time is in a span.
pub(super) fn within(sql: Sql<Met>, column: &'static str, span: Span) -> Sql<Met> {
    let sql = match span.from {
        Some(from) => sql.text(" AND ").text(column).text(" >= ").bind(from),
        None => sql,
    };
    match span.to {
        Some(to) => sql.text(" AND ").text(column).text(" < ").bind(to),
        None => sql,
    }
}

impl<B: SqlBackend> SqlRepos<B> {
    pub(super) async fn sum_up(&self, filter: UsageFilter, by: UsageGrouping) -> Result<Vec<UsageGroup>, StoreError> {
        // Deleted messages and overhead are told apart by rows alone.
        let folded = if by == UsageGrouping::Message || filter.conversation.is_some() {
            None
        } else {
            self.find_folded_before(self.backend.mode() == Mode::Write).await?
        };
        let SummaryParts { days, log, except } = SummaryParts::of(filter, folded);
        let of_log = log.into_iter().map(|span| (span, "SELECT true AS counts, "));
        let mut parts = Vec::new();
        for (span, begin) in of_log.chain(except.into_iter().map(|span| (span, "SELECT false AS counts, "))) {
            let rows = UsageFilter { from: span.from, to: span.to, conversation: filter.conversation };
            let sql = self.group_key(Sql::part(begin), by, "u.requested_at").text(OF_ROWS);
            parts.push(self.ledger_rows(sql, rows)?);
        }
        if let Some(days) = days {
            parts.push(self.kept_sums(days, by)?);
            parts.push(self.late_sums(days, by)?);
        }
        // A bound that is never met keeps the parts apart. Together PostgreSQL gives them to parallel workers,
        // whose start takes longer than all of them; a part that is large by itself has workers of its own.
        let mut all = Sql::new("usage.summary", "").met();
        for (index, part) in parts.into_iter().enumerate() {
            let begin = if index == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" };
            all = all.text(begin).append(part).text(" GROUP BY 2 LIMIT 9223372036854775807) AS part");
        }
        let (count, except): (Vec<_>, Vec<_>) =
            self.rows::<GroupRow>(all).await?.into_iter().partition(|row| row.counts);
        let mut groups: BTreeMap<String, UsageTotals> = BTreeMap::new();
        let combine = [(count, UsageTotals::checked_add as Combine), (except, UsageTotals::checked_sub)];
        for (rows, combine) in combine {
            for row in rows {
                let UsageGroup { key, totals } = row.try_into()?;
                let sum = groups.entry(key).or_default();
                *sum = combine(*sum, totals)
                    .ok_or_else(|| StoreError::Corrupt("the sum of the costs leaves its range".to_owned()))?;
            }
        }
        groups.retain(|_, totals| totals.requests > 0);
        Ok(groups.into_iter().map(|(key, totals)| UsageGroup { key, totals }).collect())
    }

    /// The kept sums of days: over all users, where the scope reaches them all and they are not told apart.
    fn kept_sums(&self, days: Span, by: UsageGrouping) -> Result<Sql<Met>, StoreError> {
        let sql = self.group_key(Sql::part("SELECT true AS counts, "), by, "u.day").text(OF_DAYS);
        let sql = if by != UsageGrouping::User && self.has_the_books()? {
            self.of_tenant(sql.text(" FROM usage_daily_totals u WHERE "), "u.tenant_id")?
        } else {
            self.in_reach::<usage_daily::Entity, _>(sql.text(" FROM usage_daily u WHERE "), "u", Purpose::Read)?
        };
        Ok(within(sql, "u.day", days))
    }

    /// The sums of the rows of these days that are noted as late.
    fn late_sums(&self, days: Span, by: UsageGrouping) -> Result<Sql<Met>, StoreError> {
        let sql = self.group_key(Sql::part("SELECT true AS counts, "), by, "u.requested_at").text(OF_ROWS);
        let sql =
            sql.text(" FROM usage_late l JOIN usage_logs u ON u.tenant_id = l.tenant_id AND u.id = l.log_id WHERE ");
        let sql = self.in_reach::<usage_logs::Entity, _>(sql, "u", Purpose::Read)?.text(" AND ");
        let sql = self.of_tenant(sql, "l.tenant_id")?;
        Ok(within(sql, "l.requested_at", days))
    }

    /// The time before which the tenant's rows are folded. A unit of work that writes sees what others
    /// commit between its statements, so it holds those off that fold until it ends.
    pub(super) async fn find_folded_before(&self, holding: bool) -> Result<Option<Timestamp>, StoreError> {
        let sql = Sql::new("usage.folded_before", "SELECT folded_before FROM usage_folds WHERE ");
        let sql = self.of_tenant(sql, "tenant_id")?;
        let sql = if holding { self.for_update(sql) } else { sql };
        Ok(self.row::<FoldedRow>(sql).await?.and_then(|FoldedRow { folded_before }| folded_before))
    }

    /// Adds the table and the condition for the rows `u` that the filter means and the scope reaches.
    pub(super) fn ledger_rows(&self, sql: Sql, filter: UsageFilter) -> Result<Sql<Met>, StoreError> {
        let UsageFilter { from, to, conversation } = filter;
        let sql = sql.text(" FROM usage_logs u WHERE ");
        let sql = self.in_reach::<usage_logs::Entity, _>(sql, "u", Purpose::Read)?;
        let sql = within(sql, "u.requested_at", Span { from, to });
        Ok(match conversation {
            Some(id) => sql.text(" AND u.conversation_id = ").bind(id.0),
            None => sql,
        })
    }

    /// Adds the key of the group of a row `u`, whose time is this column.
    fn group_key(&self, sql: Sql, by: UsageGrouping, time: &'static str) -> Sql {
        let sql = match by {
            UsageGrouping::Model => sql.text("u.provider || '/' || u.model"),
            UsageGrouping::User => self.id_as_text(sql.text("COALESCE("), "u.user_id").text(", '')"),
            UsageGrouping::Day => self.day_as_text(sql, time),
            // An expression, so that SQLite does not go through all times in the order of an index by agent.
            UsageGrouping::Agent => sql.text("u.agent_type || ''"),
            UsageGrouping::Message => self
                .id_as_text(sql.text("CASE WHEN u.message_id IS NOT NULL THEN "), "u.message_id")
                .text(" WHEN u.message_deleted THEN 'deleted' ELSE '' END"),
        };
        sql.text(" AS key")
    }
}
