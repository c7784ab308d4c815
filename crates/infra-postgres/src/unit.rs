//! A unit of work: a transaction that knows its tenant.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use domain::{
    access::Scope,
    store::{Mode, Priority, StoreError},
};
use infra_sql::{IndexMemory, SqlBackend, readable::LastReached, store_error};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, postgres::PgArguments, query::Query};
use tokio::sync::{Mutex, MutexGuard};

use crate::{lease::Lease, pool::RolePool};

/// A transaction, and whether a statement in it was begun and its end never seen.
struct Statements {
    lease: Lease,
    is_cut_off: bool,
}

impl Statements {
    fn connection(&mut self) -> Result<&mut PgConnection, DbErr> {
        self.lease.connection().map_err(failed)
    }
}

/// The backend of a unit of work. Dropping it rolls back.
pub struct PostgresUnit {
    statements: Mutex<Statements>,
    scope: Scope,
    mode: Mode,
    /// A pooler is in between: what the driver prepares on a connection is not there for the next.
    is_pooled: bool,
    /// A writer, which may see what is never committed, keeps out of it.
    pub(crate) memory: Option<Arc<IndexMemory>>,
    pub(crate) last_reached: LastReached,
}

impl fmt::Debug for PostgresUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresUnit").field("scope", &self.scope).field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl PostgresUnit {
    /// Begins on a pool and sets the tenant of the scope for this transaction, in one round trip.
    pub(crate) async fn begin(
        pool: &RolePool,
        scope: Scope,
        mode: Mode,
        priority: Priority,
    ) -> Result<Self, StoreError> {
        let begin = match mode {
            // One snapshot for the whole of it, as the other backends have.
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Mode::Write => "BEGIN",
        };
        Self::begin_with(pool, begin, scope, mode, priority).await
    }

    /// The same for reads that may search.
    pub(crate) fn with_memory(mut self, memory: &Arc<IndexMemory>) -> Self {
        self.memory = (self.mode == Mode::Read).then(|| Arc::clone(memory));
        self
    }

    /// The same for what streams have told, whose commit does not wait for the disk.
    pub(crate) async fn begin_flush(pool: &RolePool, scope: Scope) -> Result<Self, StoreError> {
        let begin = "BEGIN; SET LOCAL synchronous_commit = off";
        Self::begin_with(pool, begin, scope, Mode::Write, Priority::Settlement).await
    }

    async fn begin_with(
        pool: &RolePool,
        begin: &'static str,
        scope: Scope,
        mode: Mode,
        priority: Priority,
    ) -> Result<Self, StoreError> {
        let lease = Lease::begin(pool, scope.tenant_id(), priority, begin).await?;
        let statements = Mutex::new(Statements { lease, is_cut_off: false });
        let is_pooled = pool.settings.is_some();
        Ok(Self { statements, scope, mode, is_pooled, memory: None, last_reached: LastReached::default() })
    }

    /// The right to run one statement, marked as cut off until [`finish`] is called.
    ///
    /// PostgreSQL answers COMMIT of a failed transaction with a success that is a rollback, so a
    /// statement whose failure nobody saw must not be committed.
    async fn begin_statement(&self) -> Result<MutexGuard<'_, Statements>, DbErr> {
        let mut statements = self.statements.lock().await;
        if statements.is_cut_off {
            return Err(DbErr::Custom("an earlier statement of this unit of work was cancelled".to_owned()));
        }
        statements.is_cut_off = true;
        Ok(statements)
    }
}

impl PostgresUnit {
    /// Runs a query with values that SeaORM does not know.
    pub(crate) async fn execute_query(&self, query: Query<'_, Postgres, PgArguments>) -> Result<(), DbErr> {
        let mut statements = self.begin_statement().await?;
        let result = query.persistent(!self.is_pooled).execute(statements.connection()?).await;
        finish(statements, result).map(drop)
    }
}

/// Notes that a statement came to its end.
fn finish<T>(mut statements: MutexGuard<'_, Statements>, result: Result<T, sqlx::Error>) -> Result<T, DbErr> {
    statements.is_cut_off = false;
    result.map_err(failed)
}

pub(crate) fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

pub(crate) fn query(statement: Statement) -> Query<'static, Postgres, SqlxValues> {
    let values = statement.values.unwrap_or(sea_orm::sea_query::Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

#[async_trait]
impl ConnectionTrait for PostgresUnit {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut statements = self.begin_statement().await?;
        let result = query(statement).persistent(!self.is_pooled).execute(statements.connection()?).await;
        finish(statements, result).map(Into::into)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut statements = self.begin_statement().await?;
        let result = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(statements.connection()?).await;
        finish(statements, result).map(Into::into)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut statements = self.begin_statement().await?;
        let query = query(statement).persistent(!self.is_pooled);
        let result = query.fetch_optional(statements.connection()?).await;
        Ok(finish(statements, result)?.map(Into::into))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut statements = self.begin_statement().await?;
        let query = query(statement).persistent(!self.is_pooled);
        let result = query.fetch_all(statements.connection()?).await;
        Ok(finish(statements, result)?.into_iter().map(Into::into).collect())
    }
}

#[async_trait]
impl SqlBackend for PostgresUnit {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn mode(&self) -> Mode {
        self.mode
    }

    async fn commit(self) -> Result<(), StoreError> {
        let Statements { lease, is_cut_off } = self.statements.into_inner();
        if is_cut_off {
            return Err(StoreError::Poisoned);
        }
        if self.mode == Mode::Read {
            // Everything has been read, of one snapshot: nobody waits for the end. Should it fail, the
            // lease cleans the connection or closes it.
            tokio::spawn(lease.rollback());
            return Ok(());
        }
        // In a task of its own: a caller that goes away cannot cut the COMMIT in half.
        match tokio::spawn(lease.commit()).await {
            Ok(ended) => ended.map_err(|error| store_error(failed(error))),
            Err(stopped) => Err(StoreError::Unavailable(Box::new(stopped))),
        }
    }

    async fn rollback(self) -> Result<(), StoreError> {
        let Statements { lease, .. } = self.statements.into_inner();
        lease.rollback().await.map_err(|error| store_error(failed(error)))
    }
}
