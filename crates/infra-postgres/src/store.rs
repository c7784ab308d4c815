//! The store: two pools, one for tenants and one for work across them.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{
    access::Scope,
    clock::Clock,
    conversations::StreamAppend,
    store::{Capabilities, Mode, Store, StoreError, Tx},
    usage::{ModelPrice, ProviderCall},
};
use futures::FutureExt;
use infra_sql::{SqlRepos, append_by_tenant, record_call_at_once, recorded_price, store_error};
use migration::postgres::{APP, JOBS};
use sqlx::{Connection, postgres::PgConnectOptions};

use crate::{
    boot,
    error::PostgresError,
    lease::Lease,
    migrate,
    options::PostgresOptions,
    pool::{self, ConnectionPool},
    unit::{PostgresUnit, failed, query},
    writers,
};

/// Banyan's data on PostgreSQL, behind row-level security.
pub struct PostgresStore {
    app: ConnectionPool,
    jobs: ConnectionPool,
    jobs_options: PgConnectOptions,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("app", &self.app).field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Checks the database behind the URL and opens the pools.
    ///
    /// # Errors
    /// [`PostgresError`] when the server, the extension, the login or the schema does not fit.
    pub async fn connect(url: &str, settings: &PostgresOptions, clock: Arc<dyn Clock>) -> Result<Self, PostgresError> {
        let options = pool::parse(url)?;
        let mut connection = boot::connect(&options, settings).await?;
        boot::check(&mut connection).await?;
        connection.close().await?;
        let migrations = migrate::status(&options, settings).await?;
        let pending = migrations.iter().filter(|migration| !migration.applied).count();
        if pending > 0 {
            return Err(PostgresError::NotMigrated { pending });
        }
        let app = pool::open("app", pool::as_role(&options, APP, settings), settings.app_connections, settings)?;
        let jobs_options = pool::as_role(&options, JOBS, settings);
        let jobs = pool::open("jobs", jobs_options.clone(), settings.job_connections, settings)?;
        Ok(Self { app, jobs, jobs_options, clock })
    }

    /// The pool that serves tenants, as `banyan_app`. It takes a connection back as it is left, so leave it
    /// idle.
    #[must_use]
    pub const fn app_pool(&self) -> &ConnectionPool {
        &self.app
    }

    /// The pool for work across tenants, as `banyan_jobs`. The same holds for it.
    #[must_use]
    pub const fn jobs_pool(&self) -> &ConnectionPool {
        &self.jobs
    }

    /// How the jobs pool connects, for a connection that is none of the pool's.
    pub(crate) const fn jobs_options(&self) -> &PgConnectOptions {
        &self.jobs_options
    }

    /// Closes all connections; those of units of work that are open when they end.
    pub fn close(&self) {
        self.app.close();
        self.jobs.close();
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin(&self, scope: &Scope, mode: Mode) -> Result<Box<dyn Tx>, StoreError> {
        let pool = match scope {
            Scope::Tenant(_) | Scope::SignIn => &self.app,
            Scope::Installation { reason } => {
                tracing::debug!(reason, ?mode, "a unit of work across tenants");
                &self.jobs
            }
        };
        let unit = PostgresUnit::begin(pool, scope.clone(), mode).await?;
        Ok(Box::new(SqlRepos::new(unit, Arc::clone(&self.clock))))
    }

    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        let statement = record_call_at_once(call, self.clock.now())?;
        let rows = Lease::run_alone(&self.app, query(statement)).await;
        let rows = rows.map_err(|error| store_error(failed(error)))?;
        recorded_price(&rows.into_iter().map(Into::into).collect::<Vec<_>>())
    }

    async fn append_streams(&self, appends: &[StreamAppend]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let begin = |scope| {
            let (pool, clock) = (self.app.clone(), Arc::clone(&self.clock));
            async move { Ok(SqlRepos::new(PostgresUnit::begin_without_disk(&pool, scope).await?, clock)) }.boxed()
        };
        append_by_tenant(self, begin, appends).await
    }

    async fn outlive_ledger_writers(&self) -> Result<bool, StoreError> {
        writers::outlive(&self.app).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { backend: "postgres", durable: true, shared: true, row_level_security: true, lacks: &[] }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let answer = Lease::run_alone(&self.app, sqlx::query("SELECT 1")).await;
        answer.map(drop).map_err(|error| StoreError::Unavailable(Box::new(store_error(failed(error)))))
    }
}
