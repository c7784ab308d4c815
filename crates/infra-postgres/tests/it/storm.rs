//! F01 and F02: the storm of cancellations, in its short form.

use std::{collections::HashSet, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    access::Scope,
    ids::{IdGen, RandomIds, TenantId},
    store::{Mode, Priority, Store, StoreError, Tx},
};
use infra_postgres::{ConnectionPool, PostgresOptions, PostgresStore};
use sqlx::{Connection, Row};
use storage_testkit::storm::{AutocommitWrites, StormSettings, storm};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use crate::{
    database::{TestDatabase, run, superuser, system_clock},
    harness,
};
use storage_testkit::Harness;

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

async fn make_table(database: &TestDatabase) {
    let mut admin = database.superuser().await;
    run(
        &mut admin,
        "CREATE TABLE storm_writes (id uuid PRIMARY KEY); GRANT SELECT, INSERT ON storm_writes TO banyan_app",
    )
    .await;
    admin.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f01_f02_a_storm_of_cancellations_loses_nothing_and_crosses_no_tenant() {
    let harness = harness(system_clock()).await;
    make_table(&harness.database).await;
    let pool = harness.store.app_pool().clone();
    let settings = StormSettings { tasks: 32, duration: Duration::from_secs(6), seed: 1 };
    let report = storm(harness.store(), settings, Some(Arc::new(PoolWrites(pool.clone())))).await.unwrap();
    println!("{report:?}");
    assert!(report.cancelled > 100 && report.acknowledged > 100 && report.rows_read > 100, "too calm: {report:?}");
    assert_eq!((report.lost, report.foreign_rows, report.errors), (0, 0, 0), "{report:?}");

    // Every connection at rest is clean: none in a transaction, none with a tenant.
    let mut connections = Vec::new();
    for _ in 0..pool.status().size {
        connections.push(pool.get().await.unwrap());
    }
    for connection in &mut connections {
        // The simple protocol: in it a statement outside a transaction begins when that does.
        let sql = "SELECT coalesce(current_setting('app.tenant_id', true), ''), now() = statement_timestamp()";
        let row = sqlx::raw_sql(sql).fetch_one(&mut **connection).await.unwrap();
        assert_eq!((row.get::<String, _>(0), row.get::<bool, _>(1)), (String::new(), true));
    }
    let mut admin = harness.database.superuser().await;
    let in_transaction: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    .fetch_one(&mut admin)
    .await
    .unwrap();
    assert_eq!(in_transaction, 0);
    admin.close().await.unwrap();
    drop(connections);
    harness.close().await;
}

/// A runtime that runs while it is waited for.
fn idle_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Begins a unit of work, has it dropped, and sees that its connection is closed.
fn closes_its_connection(drop: impl FnOnce(Box<dyn Tx>)) {
    let runtime = idle_runtime();
    let harness = runtime.block_on(harness(system_clock()));
    let pool = harness.store.app_pool().clone();
    let scope = Scope::system_in(TenantId(RandomIds.random()));
    let unit = runtime.block_on(harness.store.begin(&scope, Mode::Write)).unwrap();
    assert_eq!(pool.status().size, 1);
    drop(unit);
    assert_eq!((pool.status().size, pool.status().available), (0, 0));
    runtime.block_on(async {
        harness.store.ping().await.unwrap();
        harness.close().await;
    });
}

#[test]
fn a_unit_of_work_that_is_dropped_outside_the_runtime_closes_its_connection() {
    closes_its_connection(drop);
}

/// As on a thread of the server, whose runtime ends before it has come to the cleaning.
#[test]
fn a_connection_that_nobody_can_clean_any_more_is_closed() {
    closes_its_connection(|unit| {
        let ending = idle_runtime();
        let entered = ending.enter();
        drop(unit);
        drop(entered);
    });
}

#[tokio::test]
async fn a_full_pool_is_busy_and_a_server_that_is_gone_is_away() {
    let database = TestDatabase::create().await;
    let options = PostgresOptions {
        app_connections: 2,
        acquire_timeout: Duration::from_millis(300),
        ..PostgresOptions::default()
    };
    let store = PostgresStore::connect(&database.urls(), &options, system_clock()).await.unwrap();
    let scopes = [(), (), ()].map(|()| Scope::system_in(TenantId(RandomIds.random())));
    let first = store.begin(&scopes[0], Mode::Write).await.unwrap();
    let refused = store.begin(&scopes[0], Mode::Write).await;
    assert!(matches!(refused.err(), Some(StoreError::Busy(_))), "one tenant has its share of two connections");
    let second = store.begin(&scopes[1], Mode::Write).await.unwrap();
    let refused = store.begin(&scopes[2], Mode::Read).await;
    assert!(matches!(refused.err(), Some(StoreError::Busy(_))));
    // Who waits for a settlement comes before who waits for a request, though it came later.
    let (request, settlement) = (
        store.begin_as(&scopes[2], Mode::Read, Priority::Request),
        store.begin_as(&scopes[2], Mode::Read, Priority::Settlement),
    );
    let ending = async {
        tokio::task::yield_now().await;
        first.rollback().await.unwrap();
    };
    let (request, settlement, ()) = tokio::join!(request, settlement, ending);
    assert!(matches!(request.err(), Some(StoreError::Busy(_))));
    settlement.unwrap().commit().await.unwrap();
    second.commit().await.unwrap();

    // Nobody may connect any more, and the connections are ended.
    let mut own = database.superuser().await;
    let name: String = sqlx::query_scalar("SELECT current_database()::text").fetch_one(&mut own).await.unwrap();
    own.close().await.unwrap();
    let mut admin = superuser().await;
    run(&mut admin, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    let end = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
    run(&mut admin, end).await;
    for _ in 0..3 {
        let refused = store.begin(&scopes[0], Mode::Write).await;
        assert!(!matches!(refused.err().unwrap(), StoreError::Busy(_)));
    }
    run(&mut admin, format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    store.begin(&scopes[0], Mode::Write).await.unwrap().commit().await.unwrap();
    admin.close().await.unwrap();
    store.close();
}

#[tokio::test]
async fn a_connection_that_the_server_has_ended_is_met_once() {
    let harness = harness(system_clock()).await;
    harness.store.ping().await.unwrap();
    let mut admin = harness.database.superuser().await;
    let ended: i64 = sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    .fetch_one(&mut admin)
    .await
    .unwrap();
    assert!(ended >= 1);
    assert!(matches!(harness.store.ping().await, Err(StoreError::Unavailable(_))));
    harness.store.ping().await.unwrap();
    admin.close().await.unwrap();
    harness.close().await;
}
