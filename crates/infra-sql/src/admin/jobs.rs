//! Stored jobs.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    admin::{Job, JobBacklog, JobFailure, JobLease, JobRepo, JobState},
    clock::Timestamp,
    ids::{JobId, SourceId},
    store::StoreError,
};

use sea_orm::{ColumnTrait, FromQueryResult};

use super::rows::jobs;
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
    values::{column, number},
};

#[derive(FromQueryResult)]
struct BacklogRow {
    due: i64,
    running: i64,
    oldest_due_at: Option<Timestamp>,
}

fn select(name: &'static str) -> Sql {
    Sql::new(name, "SELECT ").columns::<jobs::Entity>("j").text(" FROM jobs j WHERE ")
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the job is the one of this lease, while it is its own.
    fn leased(&self, sql: Sql, lease: JobLease) -> Result<Sql<Met>, StoreError> {
        let JobLease { id, fence } = lease;
        let sql = sql.text("state = 'running' AND id = ").bind(id.0).text(" AND fence = ").bind(fence).text(" AND ");
        self.in_reach::<jobs::Entity, _>(sql, "jobs", Purpose::Change)
    }

    /// Runs `UPDATE jobs SET updated_at = …` and what follows on the job of a lease.
    async fn with_lease(
        &self,
        name: &'static str,
        lease: JobLease,
        at: Timestamp,
        set: impl FnOnce(Sql) -> Sql + Send,
    ) -> Result<(), StoreError> {
        let sql = Sql::new(name, "UPDATE jobs SET updated_at = ").bind(at).then(set).text(" WHERE ");
        self.command(self.leased(sql, lease)?).await
    }

    async fn job(&self, sql: Sql<Met>) -> Result<Option<Job>, StoreError> {
        self.row::<jobs::Model>(sql).await?.map(Job::try_from).transpose()
    }
}

/// Ends the lease.
fn leave(sql: Sql, next: JobState) -> Sql {
    sql.text(", lease_expires_at = NULL, state = ").bind(next.as_str())
}

#[async_trait]
impl<B: SqlBackend> JobRepo for SqlRepos<B> {
    async fn enqueue(&self, job: &Job) -> Result<(), StoreError> {
        self.insert_one::<jobs::Entity>("jobs.enqueue", job).await
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.one(self.reached::<jobs::Entity>("jobs.get")?.filter(jobs::Column::Id.eq(id.0))).await
    }

    async fn find_by_source(&self, source: SourceId) -> Result<Option<Job>, StoreError> {
        // Whoever reads a source may know how its processing goes.
        let sql = self.of_tenant(select("jobs.find_by_source"), "j.tenant_id")?.text(" AND j.source_id = ");
        let sql = self.of_source_in_reach(sql.bind(source.0).text(" AND "), "j.source_id", Purpose::Read)?;
        let sql = sql.text(
            " ORDER BY CASE WHEN j.state IN ('queued', 'running') THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT 1",
        );
        self.job(sql).await
    }

    async fn claim(&self, now: Timestamp, lease_expires_at: Timestamp) -> Result<Option<Job>, StoreError> {
        let sql =
            Sql::new("jobs.claim", "WITH busy AS (SELECT tenant_id, COUNT(*) AS n FROM jobs WHERE state = 'running'")
                .text(" AND lease_expires_at > ")
                .bind(now)
                .text(" GROUP BY tenant_id), due AS MATERIALIZED (SELECT j.tenant_id AS due_tenant, j.id AS due_id")
                .text(" FROM jobs j LEFT JOIN busy ON busy.tenant_id = j.tenant_id")
                .text(" WHERE (j.state = 'queued' AND j.run_at <= ")
                .bind(now)
                .text(") OR (j.state = 'running' AND j.lease_expires_at <= ")
                .bind(now)
                .text(") ORDER BY COALESCE(busy.n, 0), j.created_at, j.id LIMIT 1");
        let sql = self
            .for_update_of_j_skipping_locked(sql)
            .text(") UPDATE jobs SET state = 'running', fence = fence + 1, attempts = attempts + 1")
            .text(", lease_expires_at = ")
            .bind(lease_expires_at)
            .text(", updated_at = ")
            .bind(now)
            .text(" FROM due WHERE jobs.tenant_id = due_tenant AND jobs.id = due_id RETURNING ")
            .columns::<jobs::Entity>("jobs");
        self.returning::<jobs::Model>(self.across_tenants(sql)?).await?.pop().map(Job::try_from).transpose()
    }

    async fn renew(&self, lease: JobLease, lease_expires_at: Timestamp) -> Result<(), StoreError> {
        self.with_lease("jobs.renew", lease, self.now(), |sql| sql.text(", lease_expires_at = ").bind(lease_expires_at))
            .await
    }

    async fn hold(&self, lease: JobLease) -> Result<(), StoreError> {
        self.refuse_unless_writable()?;
        let sql = self.leased(Sql::new("jobs.hold", "SELECT 1 FROM jobs WHERE "), lease)?;
        if self.exists(self.for_update(sql)).await? { Ok(()) } else { Err(StoreError::Stale) }
    }

    async fn record_progress(&self, lease: JobLease, step: &str, done: u64, total: u64) -> Result<(), StoreError> {
        let (done, total): (i64, i64) = (column(done)?, column(total)?);
        let set = |sql: Sql| {
            sql.text(", step = ")
                .bind(step)
                .text(", progress_done = ")
                .bind(done)
                .text(", progress_total = ")
                .bind(total)
        };
        self.with_lease("jobs.record_progress", lease, self.now(), set).await
    }

    async fn finish(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError> {
        self.with_lease("jobs.finish", lease, at, |sql| leave(sql, JobState::Done)).await
    }

    async fn fail(&self, lease: JobLease, failure: &JobFailure, at: Timestamp) -> Result<(), StoreError> {
        let JobFailure { error, retry_at } = failure;
        let set = |sql: Sql| {
            let sql = sql.text(", error = ").bind(error.as_str());
            match retry_at {
                Some(retry_at) => leave(sql, JobState::Queued).text(", run_at = ").bind(*retry_at),
                None => leave(sql, JobState::Dead),
            }
        };
        self.with_lease("jobs.fail", lease, at, set).await
    }

    async fn release(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError> {
        let set = |sql| leave(sql, JobState::Queued).text(", attempts = attempts - 1, run_at = ").bind(at);
        self.with_lease("jobs.release", lease, at, set).await
    }

    async fn backlog(&self, now: Timestamp, most: u32) -> Result<JobBacklog, StoreError> {
        // Each part reads one of the two indexes of what is queued and what runs, from its beginning.
        let most = i64::from(most);
        let sql = Sql::new(
            "jobs.backlog",
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 'queued' AND run_at <= ",
        )
        .bind(now)
        .text(" UNION ALL SELECT 1 FROM jobs WHERE state = 'running' AND lease_expires_at <= ")
        .bind(now)
        .text(" LIMIT ")
        .bind(most)
        .text(") AS d) AS due, (SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 'running'")
        .text(" AND lease_expires_at > ")
        .bind(now)
        .text(" LIMIT ")
        .bind(most)
        .text(") AS r) AS running, (SELECT MIN(at) FROM (SELECT MIN(run_at) AS at FROM jobs")
        .text(" WHERE state = 'queued' AND run_at <= ")
        .bind(now)
        .text(" UNION ALL SELECT MIN(lease_expires_at) FROM jobs WHERE state = 'running' AND lease_expires_at <= ")
        .bind(now)
        .text(") AS o) AS oldest_due_at");
        let row: Option<BacklogRow> = self.row(self.across_tenants(sql)?).await?;
        let Some(BacklogRow { due, running, oldest_due_at }) = row else { return Ok(JobBacklog::default()) };
        Ok(JobBacklog { due: number(due)?, running: number(running)?, oldest_due_at })
    }
}
