//! F01 and F02: a storm of cancelled units of work loses nothing and crosses no tenant.

use std::{collections::HashSet, sync::Arc, time::Duration};

use anyhow::Result;
use async_trait::async_trait;
use domain::{clock::SystemClock, store::StoreError};
use e2e::Database;
use infra_postgres::{ConnectionPool, PostgresOptions, PostgresStore};
use sqlx::{Executor, Row};
use storage_testkit::storm::{AutocommitWrites, StormReport, StormSettings, storm};
use uuid::Uuid;

use super::verdict::Verdict;

const TASKS: usize = 32;
const TIME: Duration = Duration::from_secs(60);
const POOL: u32 = 8;
/// Rows that are to be read; further storms follow until they are.
const ROWS: u64 = 1_000_000;
const MOST_STORMS: u64 = 6;

/// Rows written on the connections of tenants without a transaction: what a connection that was
/// left in one would swallow.
struct PoolWrites(ConnectionPool);

fn backend(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Backend(Box::new(error))
}

#[async_trait]
impl AutocommitWrites for PoolWrites {
    async fn write(&self, id: Uuid) -> Result<(), StoreError> {
        let mut connection = self.0.get().await.map_err(backend)?;
        let insert = sqlx::query("INSERT INTO storm_writes VALUES ($1)").bind(id);
        insert.execute(&mut *connection).await.map(drop).map_err(backend)
    }

    async fn written(&self) -> Result<HashSet<Uuid>, StoreError> {
        let mut connection = self.0.get().await.map_err(backend)?;
        let rows = sqlx::query("SELECT id FROM storm_writes").fetch_all(&mut *connection).await.map_err(backend)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

pub(crate) async fn run(seed: u64) -> Result<Verdict> {
    let database = Database::create().await?;
    let mut admin = database.superuser().await?;
    admin
        .execute("CREATE TABLE storm_writes (id uuid PRIMARY KEY); GRANT SELECT, INSERT ON storm_writes TO banyan_app")
        .await?;
    // A connection that waits longer than the storm lasts would be an error of the innocent.
    let options = PostgresOptions {
        app_connections: POOL,
        acquire_timeout: Duration::from_secs(10),
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&database.url().into(), &options, Arc::new(SystemClock)).await?;
    let pool = store.app_pool().clone();
    let writes = Arc::new(PoolWrites(pool.clone()));
    let store = Arc::new(store);
    let mut report = StormReport::default();
    let mut storms = 0;
    while report.rows_read < ROWS && storms < MOST_STORMS {
        let settings = StormSettings { tasks: TASKS, duration: TIME, seed: seed + storms };
        let next = storm(store.clone(), settings, Some(writes.clone())).await?;
        storms += 1;
        report.cancelled += next.cancelled;
        report.acknowledged += next.acknowledged;
        report.lost += next.lost;
        report.rows_read += next.rows_read;
        report.foreign_rows += next.foreign_rows;
        report.errors += next.errors;
    }

    let mut unclean = 0;
    let mut connections = Vec::new();
    for _ in 0..pool.status().size {
        connections.push(pool.get().await?);
    }
    for connection in &mut connections {
        // The simple protocol: in it a statement outside a transaction begins when that does.
        let sql = "SELECT coalesce(current_setting('app.tenant_id', true), ''), now() = statement_timestamp()";
        let row = sqlx::raw_sql(sql).fetch_one(&mut **connection).await?;
        unclean += u64::from(!row.get::<String, _>(0).is_empty() || !row.get::<bool, _>(1));
    }
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let idle: i64 = sqlx::query_scalar(idle).fetch_one(&mut admin).await?;
    let StormReport { cancelled, acknowledged, lost, rows_read, foreign_rows, errors } = report;
    Ok(Verdict::default()
        .count("storms of a minute", storms)
        .at_least("cancelled", cancelled, 1_000)
        .at_least("acknowledged", acknowledged, 1_000)
        .must_be("lost", lost, 0)
        .at_least("rows read", rows_read, ROWS)
        .must_be("foreign rows", foreign_rows, 0)
        .must_be("errors of the innocent", errors, 0)
        .must_be("unclean connections", unclean, 0)
        .must_be("idle in transaction", idle, 0))
}
