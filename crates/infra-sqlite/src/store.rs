//! The store: one file, one writer, several readers.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use domain::{
    access::Scope,
    clock::Clock,
    conversations::StreamAppend,
    store::{Capabilities, Mode, Priority, Repos, Store, StoreError, Tx},
    usage::{ModelPrice, ProviderCall},
};
use futures::FutureExt;
use infra_sql::{Admission, IndexMemory, SqlRepos, append_by_tenant};
use migration::MigrateError;
use sea_orm::DatabaseConnection;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    options::SqliteOptions,
    unit::{SqliteUnit, queue_error},
    write_queue::{Durability, WriteQueue},
};

/// Why a file cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// The file cannot be made or opened.
    #[error(
        "the database file {path} cannot be opened; check that its folder exists and that this user may write there"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// SQLite cannot use the file.
    #[error("SQLite cannot use {path}; check that it is a database of this program and that its disk has room")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: sqlx::Error,
    },
    /// The schema cannot be brought up to date.
    #[error("the schema of {path} cannot be brought up to date")]
    Migration {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: MigrateError,
    },
    /// The schema cannot be read.
    #[error("the schema of {path} cannot be read; check that it is a database of this program")]
    Schema {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: MigrateError,
    },
}

/// Banyan's data in one SQLite file.
pub struct SqliteStore {
    queue: Arc<WriteQueue>,
    readers: SqlitePool,
    reading: Admission,
    memory: Arc<IndexMemory>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("readers", &self.readers).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens a file, which is made (readable by this user only) if it is not there, and brings its
    /// schema up to date.
    ///
    /// # Errors
    /// [`SqliteError`] when the file cannot be used.
    pub async fn open(path: &Path, settings: &SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, SqliteError> {
        make_private(path).map_err(|source| SqliteError::File { path: path.to_owned(), source })?;
        let options = connect_options(path, settings);
        let opened = |source| SqliteError::Open { path: path.to_owned(), source };
        let migrating =
            SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.map_err(opened)?;
        let migrated = migration::up(&DatabaseConnection::from(migrating.clone())).await;
        migrating.close().await;
        let applied = migrated.map_err(|source| SqliteError::Migration { path: path.to_owned(), source })?;
        if applied > 0 {
            tracing::info!(applied, "the schema was brought up to date");
        }
        let queue = WriteQueue::open(options.clone(), settings.acquire_timeout).await.map_err(opened)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(settings.readers)
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        let memory = Arc::new(IndexMemory::new(settings.words_cache_bytes, settings.vector_cache_bytes));
        let reading = Admission::new("readers", settings.readers as usize, settings.acquire_timeout);
        Ok(Self { queue: Arc::new(queue), readers, reading, memory, clock })
    }

    async fn read(&self, scope: &Scope, priority: Priority) -> Result<SqliteUnit, StoreError> {
        let admitted = self.reading.enter(scope.tenant_id(), priority).await?;
        let snapshot = self.readers.begin().await.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        Ok(SqliteUnit::reading(snapshot, admitted, scope.clone(), Arc::clone(&self.memory)))
    }
}

async fn writing(
    queue: &Arc<WriteQueue>,
    scope: Scope,
    priority: Priority,
    wanted: Durability,
) -> Result<SqliteUnit, StoreError> {
    let turn = queue.begin(scope.tenant_id(), priority, wanted).await.map_err(queue_error)?;
    Ok(SqliteUnit::writing(turn, scope))
}

/// Makes the file with rights for its owner only; SQLite gives its side files the same.
fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn connect_options(path: &Path, settings: &SqliteOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(settings.busy_timeout)
        .pragma("temp_store", "MEMORY")
        // Negative: kibibytes instead of pages.
        .pragma("cache_size", format!("-{}", settings.page_cache_bytes / 1024))
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self, scope: &Scope, mode: Mode) -> Result<Box<dyn Tx>, StoreError> {
        self.begin_as(scope, mode, Priority::Request).await
    }

    async fn begin_as(&self, scope: &Scope, mode: Mode, priority: Priority) -> Result<Box<dyn Tx>, StoreError> {
        if let Scope::Installation { reason } = scope {
            tracing::debug!(reason, ?mode, "a unit of work across tenants");
        }
        let unit = match mode {
            Mode::Read => self.read(scope, priority).await?,
            Mode::Write => writing(&self.queue, scope.clone(), priority, Durability::Disk).await?,
        };
        Ok(Box::new(SqlRepos::new(unit, Arc::clone(&self.clock))))
    }

    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        let unit =
            writing(&self.queue, Scope::system_in(call.tenant_id), Priority::Request, Durability::Process).await?;
        let tx = SqlRepos::new(unit, Arc::clone(&self.clock));
        let price = tx.usage().record_call(call).await?;
        Box::new(tx).commit().await?;
        Ok(price)
    }

    async fn append_streams(&self, appends: &[StreamAppend]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let begin = |scope: Scope| {
            let (queue, clock) = (Arc::clone(&self.queue), Arc::clone(&self.clock));
            async move {
                Ok(SqlRepos::new(writing(&queue, scope, Priority::Settlement, Durability::Process).await?, clock))
            }
            .boxed()
        };
        append_by_tenant(self, begin, appends).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { backend: "sqlite", durable: true, shared: false, row_level_security: false, lacks: &[] }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        // Before all others: readers of whom none ends in time are stuck.
        let admitted = self.reading.enter(None, Priority::Settlement).await;
        let _admitted = admitted.map_err(|error| StoreError::Unavailable(Box::new(error)))?;
        let answer = sqlx::query("SELECT 1").execute(&self.readers).await;
        answer.map(|_| ()).map_err(|error| StoreError::Unavailable(Box::new(error)))
    }
}
