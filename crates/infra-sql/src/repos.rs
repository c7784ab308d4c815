//! The unit of work: the gates that every statement passes.
//!
//! A gate takes only statements that have met their scope ([`Met`]). It refuses what a failed or a
//! reading unit of work must not do, takes along the writes that wait, measures the statement under its
//! name, and remembers how it ended.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use domain::{
    clock::{Clock, Timestamp},
    gateways::{ChunkIndex, IndexEntry, IndexHit, Readable},
    ids::{SourceId, SourceVersionId},
    store::{Mode, Repos, StoreError, Tx},
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use crate::{
    SqlBackend,
    error::store_error,
    later::Waiting,
    measure::measured,
    sql::{Met, Sql},
    values::number,
};

/// Most values bound to one INSERT: SQLite takes 32,766, PostgreSQL 65,535.
pub(crate) const MAX_BOUND_VALUES: usize = 32_000;

/// The repositories of a unit of work over a backend's connection.
pub struct SqlRepos<B> {
    pub(crate) backend: B,
    clock: Arc<dyn Clock>,
    /// A statement failed. PostgreSQL refuses the rest by itself, SQLite does not.
    poisoned: AtomicBool,
    /// Writes that go with the next statement.
    pub(crate) waiting: Mutex<Vec<Waiting>>,
}

#[derive(FromQueryResult)]
struct IdRow {
    id: Uuid,
}

#[derive(FromQueryResult)]
struct CountRow {
    n: i64,
}

/// The end of a statement. One that nobody saw is a bad one: what waited for the statement is lost.
struct End<'a> {
    poisoned: &'a AtomicBool,
    is_good: bool,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        if !self.is_good {
            self.poisoned.store(true, Ordering::Release);
        }
    }
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Puts the repositories over a connection whose transaction has begun.
    pub fn new(backend: B, clock: Arc<dyn Clock>) -> Self {
        Self { backend, clock, poisoned: AtomicBool::new(false), waiting: Mutex::default() }
    }

    /// The time, for commands that are not given it.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// All rows of a query.
    pub(crate) async fn rows<T: FromQueryResult>(&self, sql: Sql<Met>) -> Result<Vec<T>, StoreError> {
        self.refuse_if_poisoned()?;
        self.send_waiting().await?;
        self.rows_of(sql).await
    }

    /// The first row of a query.
    pub(crate) async fn row<T: FromQueryResult>(&self, sql: Sql<Met>) -> Result<Option<T>, StoreError> {
        self.refuse_if_poisoned()?;
        self.send_waiting().await?;
        self.row_of(sql).await
    }

    /// The first row of a query that reads no table which a waiting write changes, so that it need not
    /// wait for that.
    pub(crate) async fn row_beside<T: FromQueryResult>(&self, sql: Sql<Met>) -> Result<Option<T>, StoreError> {
        self.refuse_if_poisoned()?;
        if self.is_named_by_what_waits(&sql) {
            self.send_waiting().await?;
        }
        self.row_of(sql).await
    }

    /// The rows that a writing statement returns.
    pub(crate) async fn returning<T: FromQueryResult>(&self, sql: Sql<Met>) -> Result<Vec<T>, StoreError> {
        self.refuse_unless_writable()?;
        let sql = self.with_waiting(sql).await?;
        self.rows_of(sql).await
    }

    /// Whether a query finds any row.
    pub(crate) async fn exists(&self, sql: Sql<Met>) -> Result<bool, StoreError> {
        self.refuse_if_poisoned()?;
        self.send_waiting().await?;
        self.finds(sql).await
    }

    /// The same for a query that reads no table which a waiting write changes.
    pub(crate) async fn exists_beside(&self, sql: Sql<Met>) -> Result<bool, StoreError> {
        self.refuse_if_poisoned()?;
        if self.is_named_by_what_waits(&sql) {
            self.send_waiting().await?;
        }
        self.finds(sql).await
    }

    /// The same for a query for which nothing waits.
    pub(crate) async fn finds(&self, sql: Sql<Met>) -> Result<bool, StoreError> {
        let (name, statement) = (sql.name(), sql.statement(self.backend.get_database_backend()));
        let row = self.noting(name, async { self.backend.query_one_raw(statement).await.map_err(store_error) }).await?;
        Ok(row.is_some())
    }

    /// The column `id` of a query's first row.
    pub(crate) async fn id(&self, sql: Sql<Met>) -> Result<Option<Uuid>, StoreError> {
        let row: Option<IdRow> = self.row(sql).await?;
        Ok(row.map(|IdRow { id }| id))
    }

    /// The column `n` of a query that counts.
    pub(crate) async fn count_of(&self, sql: Sql<Met>) -> Result<u64, StoreError> {
        let row: Option<CountRow> = self.row(sql).await?;
        number(row.map_or(0, |CountRow { n }| n))
    }

    /// Runs a writing statement; returns how many rows it changed.
    pub(crate) async fn execute(&self, sql: Sql<Met>) -> Result<u64, StoreError> {
        self.refuse_unless_writable()?;
        self.send_with_waiting(sql).await
    }

    pub(crate) async fn send(&self, sql: Sql<Met>) -> Result<u64, StoreError> {
        let name = sql.name();
        let changed = async {
            let statement = sql.refuse_nul()?.statement(self.backend.get_database_backend());
            Ok(self.backend.execute_raw(statement).await.map_err(store_error)?.rows_affected())
        };
        self.noting(name, changed).await
    }

    /// Runs a command on one row that the scope must reach, now.
    pub(crate) async fn command(&self, sql: Sql<Met>) -> Result<(), StoreError> {
        if self.execute(sql).await? == 0 { Err(StoreError::Stale) } else { Ok(()) }
    }

    /// Runs a command that may move a status. Where it changes nothing, a row that is found all the
    /// same shows that the step is not allowed.
    pub(crate) async fn take_step(&self, sql: Sql<Met>, found: Sql<Met>, rule: &str) -> Result<(), StoreError> {
        if self.execute(sql).await? > 0 {
            Ok(())
        } else if self.exists(found).await? {
            Err(self.poison(StoreError::Check(rule.to_owned())))
        } else {
            Err(StoreError::Stale)
        }
    }

    /// Refuses the rest of the transaction for an error that no statement gave.
    pub(crate) fn poison(&self, error: StoreError) -> StoreError {
        self.poisoned.store(true, Ordering::Release);
        error
    }

    pub(crate) async fn rows_of<T: FromQueryResult>(&self, sql: Sql<Met>) -> Result<Vec<T>, StoreError> {
        let (name, statement) = (sql.name(), sql.statement(self.backend.get_database_backend()));
        let rows =
            self.noting(name, async { self.backend.query_all_raw(statement).await.map_err(store_error) }).await?;
        rows.iter().map(|row| T::from_query_result(row, "").map_err(store_error)).collect()
    }

    async fn row_of<T: FromQueryResult>(&self, sql: Sql<Met>) -> Result<Option<T>, StoreError> {
        let (name, statement) = (sql.name(), sql.statement(self.backend.get_database_backend()));
        let row = self.noting(name, async { self.backend.query_one_raw(statement).await.map_err(store_error) }).await?;
        row.map(|row| T::from_query_result(&row, "").map_err(store_error)).transpose()
    }

    /// Measures a statement, and remembers that it failed or was cut off: the rest of the transaction is
    /// refused.
    async fn noting<T>(
        &self,
        name: &'static str,
        statement: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut end = End { poisoned: &self.poisoned, is_good: false };
        let outcome = measured(name, statement).await;
        end.is_good = outcome.is_ok();
        outcome
    }

    fn refuse_if_poisoned(&self) -> Result<(), StoreError> {
        if self.poisoned.load(Ordering::Acquire) { Err(StoreError::Poisoned) } else { Ok(()) }
    }

    /// Refuses what changes rows or locks them, unless the unit of work may write.
    pub(crate) fn refuse_unless_writable(&self) -> Result<(), StoreError> {
        self.refuse_if_poisoned()?;
        match self.backend.mode() {
            Mode::Write => Ok(()),
            Mode::Read => Err(StoreError::OutOfScope("a write in a read transaction")),
        }
    }
}

#[async_trait]
impl<B: SqlBackend> Tx for SqlRepos<B> {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let sent = async {
            self.refuse_if_poisoned()?;
            self.send_waiting().await
        };
        if let Err(error) = sent.await {
            self.backend.rollback().await?;
            return Err(error);
        }
        self.backend.commit().await
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.backend.rollback().await
    }
}

/// The backend's index behind the same gates as the repositories.
#[async_trait]
impl<B: SqlBackend> ChunkIndex for SqlRepos<B> {
    async fn insert(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        self.refuse_unless_writable()?;
        self.need_sources(entries.iter().map(|entry| entry.source_id)).await?;
        self.need_places(entries).await?;
        self.noting("chunk_index.insert", self.backend.insert(entries)).await
    }

    async fn count(&self, version: SourceVersionId, model: &str) -> Result<u64, StoreError> {
        if !self.reaches_version(version).await? {
            return Ok(0);
        }
        self.noting("chunk_index.count", self.backend.count(version, model)).await
    }

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        previous: Option<SourceVersionId>,
    ) -> Result<(), StoreError> {
        self.tenant()?;
        self.refuse_unless_writable()?;
        self.noting("chunk_index.publish", self.backend.publish(source, version, previous)).await
    }

    async fn nearest(
        &self,
        model: &str,
        vector: &[f32],
        readable: &Readable,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        self.tenant()?;
        self.refuse_if_poisoned()?;
        self.noting("chunk_index.nearest", self.backend.nearest(model, vector, readable, limit)).await
    }

    async fn lexical(&self, query: &str, readable: &Readable, limit: u32) -> Result<Vec<IndexHit>, StoreError> {
        self.tenant()?;
        self.refuse_if_poisoned()?;
        self.noting("chunk_index.lexical", self.backend.lexical(query, readable, limit)).await
    }
}

impl<B: SqlBackend> Repos for SqlRepos<B> {
    domain::lend_repos!();
}
