//! A unit of work: a turn in the writer's write queue, or a snapshot on a reader.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{
    access::Scope,
    store::{Mode, StoreError},
};
use futures::TryStreamExt;
use infra_sql::{Admitted, IndexMemory, SqlBackend, readable::LastReached};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Either, Executor, Sqlite, SqliteConnection, Transaction,
    query::Query,
    sqlite::{SqliteQueryResult, SqliteRow},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::write_queue::{QueuedTx, WriteQueueError};

/// What stands between statements that go together.
const SEPARATOR: &str = "; ";

/// Where the statements of a unit of work run.
enum Place {
    /// Its place is free again with it.
    Reader {
        snapshot: Transaction<'static, Sqlite>,
        _admitted: Admitted,
    },
    WriteQueue(QueuedTx),
}

impl Place {
    async fn connection(&mut self) -> Result<&mut SqliteConnection, DbErr> {
        match self {
            Self::Reader { snapshot, .. } => Ok(snapshot),
            Self::WriteQueue(turn) => turn.connection().await.map_err(failed),
        }
    }
}

/// A place, and whether a statement on it was begun and its end never seen.
struct Statements {
    place: Place,
    is_cut_off: bool,
}

/// The backend of a unit of work. Dropping it rolls back.
pub struct SqliteUnit {
    statements: Mutex<Statements>,
    scope: Scope,
    mode: Mode,
    /// A writer, which may see what is never committed, keeps out of it.
    pub(crate) memory: Option<Arc<IndexMemory>>,
    pub(crate) last_reached: LastReached,
}

impl fmt::Debug for SqliteUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteUnit").field("scope", &self.scope).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl SqliteUnit {
    pub(crate) fn reading(
        snapshot: Transaction<'static, Sqlite>,
        admitted: Admitted,
        scope: Scope,
        memory: Arc<IndexMemory>,
    ) -> Self {
        let statements = Statements { place: Place::Reader { snapshot, _admitted: admitted }, is_cut_off: false };
        Self::new(statements, scope, Mode::Read, Some(memory))
    }

    pub(crate) fn writing(turn: QueuedTx, scope: Scope) -> Self {
        let statements = Statements { place: Place::WriteQueue(turn), is_cut_off: false };
        Self::new(statements, scope, Mode::Write, None)
    }

    fn new(statements: Statements, scope: Scope, mode: Mode, memory: Option<Arc<IndexMemory>>) -> Self {
        Self { statements: Mutex::new(statements), scope, mode, memory, last_reached: LastReached::default() }
    }

    /// The right to run one statement, marked as cut off until [`finish`] is called.
    async fn begin_statement(&self) -> Result<MutexGuard<'_, Statements>, DbErr> {
        let mut statements = self.statements.lock().await;
        if statements.is_cut_off {
            // Nobody knows whether that statement was run, so nothing may be built on it.
            return Err(DbErr::Custom("an earlier statement of this unit of work was cancelled".to_owned()));
        }
        statements.is_cut_off = true;
        Ok(statements)
    }
}

/// Notes that a statement came to its end.
fn finish<T>(mut statements: MutexGuard<'_, Statements>, result: Result<T, sqlx::Error>) -> Result<T, DbErr> {
    statements.is_cut_off = false;
    result.map_err(failed)
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn query(statement: Statement) -> Query<'static, Sqlite, SqlxValues> {
    let values = statement.values.unwrap_or(sea_orm::sea_query::Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

/// Runs one statement, or several in one go: then the count of rows is that of the last.
async fn run(
    connection: &mut SqliteConnection,
    query: Query<'static, Sqlite, SqlxValues>,
) -> Result<SqliteQueryResult, sqlx::Error> {
    let mut last = SqliteQueryResult::default();
    let mut results = connection.execute_many(query);
    while let Some(result) = results.try_next().await? {
        last = result;
    }
    Ok(last)
}

/// The first row of one statement, or of the last of several, all of which run: the driver would stop at the first
/// row of any, and the rest would not be run.
async fn row(
    connection: &mut SqliteConnection,
    query: Query<'static, Sqlite, SqlxValues>,
    are_several: bool,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    if !are_several {
        return query.fetch_optional(connection).await;
    }
    let (mut last, mut found) = (None, None);
    let mut results = connection.fetch_many(query);
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Right(row) => found = found.or(Some(row)),
            Either::Left(_) => last = found.take(),
        }
    }
    Ok(last)
}

#[async_trait]
impl ConnectionTrait for SqliteUnit {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut statements = self.begin_statement().await?;
        let result = run(statements.place.connection().await?, query(statement)).await;
        finish(statements, result).map(Into::into)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut statements = self.begin_statement().await?;
        let sql = AssertSqlSafe(sql.to_owned());
        let result = sqlx::raw_sql(sql).execute(statements.place.connection().await?).await;
        finish(statements, result).map(Into::into)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut statements = self.begin_statement().await?;
        let are_several = statement.sql.contains(SEPARATOR);
        let result = row(statements.place.connection().await?, query(statement), are_several).await;
        Ok(finish(statements, result)?.map(Into::into))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut statements = self.begin_statement().await?;
        let result = query(statement).fetch_all(statements.place.connection().await?).await;
        Ok(finish(statements, result)?.into_iter().map(Into::into).collect())
    }
}

#[async_trait]
impl SqlBackend for SqliteUnit {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    async fn commit(self) -> Result<(), StoreError> {
        let statements = self.statements.into_inner();
        match statements.place {
            // Everything has been read; the driver ends the snapshot, and nobody waits for it.
            Place::Reader { .. } => Ok(()),
            Place::WriteQueue(turn) if statements.is_cut_off => {
                turn.rollback().await;
                Err(StoreError::Poisoned)
            }
            Place::WriteQueue(turn) => turn.commit().await.map_err(queue_error),
        }
    }

    async fn rollback(self) -> Result<(), StoreError> {
        match self.statements.into_inner().place {
            Place::Reader { snapshot, .. } => {
                snapshot.rollback().await.map_err(|error| infra_sql::store_error(failed(error)))
            }
            Place::WriteQueue(turn) => {
                turn.rollback().await;
                Ok(())
            }
        }
    }
}

/// What the write queue reports, as an error of the store.
pub(crate) fn queue_error(error: WriteQueueError) -> StoreError {
    match error {
        WriteQueueError::Lost(cause) | WriteQueueError::Sqlite(cause) => {
            infra_sql::store_error(DbErr::Query(RuntimeErr::SqlxError(cause)))
        }
        WriteQueueError::LostWithOthers => StoreError::Retry,
        WriteQueueError::Busy(_) | WriteQueueError::NotAdmitted(_) => StoreError::Busy(error.to_string()),
        WriteQueueError::Closing => StoreError::Unavailable(Box::new(error)),
    }
}

#[cfg(test)]
mod tests;
