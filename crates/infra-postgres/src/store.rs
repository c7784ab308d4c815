//! The store: two pools, one for tenants and one for work across them.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    access::Scope,
    clock::Clock,
    conversations::StreamAppend,
    store::{Capabilities, Mode, Priority, Store, StoreError, Tx},
    usage::{ModelPrice, ProviderCall},
};
use futures::FutureExt;
use infra_sql::{IndexMemory, SqlRepos, append_by_tenant, record_call_at_once, recorded_price};
use migration::postgres::{APP, JOBS};
use sqlx::postgres::PgConnectOptions;
use tokio::time::timeout;

use crate::{
    boot,
    error::PostgresError,
    lease::Lease,
    migrate,
    options::PostgresOptions,
    pool::{self, ConnectionPool, RolePool},
    unit::{PostgresUnit, query},
    urls::PostgresUrls,
    writers,
};

/// How long the server may take to show that it serves.
const LONGEST_PING: Duration = Duration::from_secs(2);

/// Banyan's data on PostgreSQL, behind row-level security.
pub struct PostgresStore {
    app: Arc<RolePool>,
    jobs: Arc<RolePool>,
    listen_options: PgConnectOptions,
    memory: Arc<IndexMemory>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("app", self.app_pool())
            .field("jobs", self.jobs_pool())
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Checks the database behind the URLs and opens the pools.
    ///
    /// # Errors
    /// [`PostgresError`] when the server, the extension, a login or the schema does not fit.
    pub async fn connect(
        urls: &PostgresUrls,
        settings: &PostgresOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PostgresError> {
        boot::check(urls, settings).await?;
        let (serving, background) = (urls.serving()?.options, urls.background()?.options);
        let pending = migrate::pending(urls, settings).await?;
        if pending > 0 {
            return Err(PostgresError::NotMigrated { pending });
        }
        let listen_options = match urls.listen()? {
            Some(direct) => direct.options,
            None => pool::as_role(background.clone(), JOBS, settings),
        };
        let is_pooled = urls.are_pooled();
        let app = pool::open("app", (serving, is_pooled), APP, settings.app_connections, settings)?;
        let jobs = pool::open("jobs", (background, is_pooled), JOBS, settings.job_connections, settings)?;
        let memory = Arc::new(IndexMemory::new(settings.words_cache_bytes, settings.vector_cache_bytes));
        Ok(Self { app: Arc::new(app), jobs: Arc::new(jobs), listen_options, memory, clock })
    }

    /// The pool that serves tenants, as `banyan_app`. It takes a connection back as it is left, so leave it
    /// idle.
    #[must_use]
    pub fn app_pool(&self) -> &ConnectionPool {
        &self.app.connections
    }

    /// The pool for work across tenants, as `banyan_jobs`. The same holds for it.
    #[must_use]
    pub fn jobs_pool(&self) -> &ConnectionPool {
        &self.jobs.connections
    }

    /// The same with who gets its next connection.
    pub(crate) const fn jobs(&self) -> &Arc<RolePool> {
        &self.jobs
    }

    /// How to connect for LISTEN.
    pub(crate) const fn listen_options(&self) -> &PgConnectOptions {
        &self.listen_options
    }

    /// Closes all connections; those of units of work that are open when they end.
    pub fn close(&self) {
        self.app_pool().close();
        self.jobs_pool().close();
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin(&self, scope: &Scope, mode: Mode) -> Result<Box<dyn Tx>, StoreError> {
        self.begin_as(scope, mode, Priority::Request).await
    }

    async fn begin_as(&self, scope: &Scope, mode: Mode, priority: Priority) -> Result<Box<dyn Tx>, StoreError> {
        let pool = match scope {
            Scope::Tenant(_) | Scope::SignIn => &self.app,
            Scope::Installation { reason } => {
                tracing::debug!(reason, ?mode, "a unit of work across tenants");
                &self.jobs
            }
        };
        let unit = PostgresUnit::begin(pool, scope.clone(), mode, priority).await?.with_memory(&self.memory);
        Ok(Box::new(SqlRepos::new(unit, Arc::clone(&self.clock))))
    }

    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        let statement = record_call_at_once(call, self.clock.now())?;
        let rows = Lease::run_alone(&self.app, Some(call.tenant_id), Priority::Request, query(statement)).await?;
        recorded_price(&rows.into_iter().map(Into::into).collect::<Vec<_>>())
    }

    async fn append_streams(&self, appends: &[StreamAppend]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let begin = |scope| {
            let (pool, clock) = (Arc::clone(&self.app), Arc::clone(&self.clock));
            async move { Ok(SqlRepos::new(PostgresUnit::begin_flush(&pool, scope).await?, clock)) }.boxed()
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
        // Before all others: a pool that gives nothing back in time is stuck.
        let answer = Lease::run_alone(&self.app, None, Priority::Settlement, sqlx::query("SELECT 1"));
        match timeout(LONGEST_PING, answer).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(StoreError::Unavailable(Box::new(error))),
            Err(late) => Err(StoreError::Unavailable(Box::new(late))),
        }
    }
}
