//! The unit of work: the gates that every statement passes.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use domain::{
    access::{Scope, TenantScope},
    admin::{AuditRepo, IdempotencyRepo, InstallationRepo, JobRepo},
    clock::{Clock, Timestamp},
    conversations::{ConversationRepo, MessageRepo, StreamRepo},
    gateways::{ChunkIndex, IndexEntry, IndexHit, Readable},
    identity::{ApiKeyRepo, RoleRepo, SessionRepo, SignInRepo, UserRepo},
    ids::{SourceId, SourceVersionId, TenantId},
    knowledge::{ChunkRepo, CollectionRepo, RetrievalRepo, SourceRepo},
    store::{Mode, Repos, StoreError, Tx},
    tenancy::TenantRepo,
    usage::{PriceRepo, UsageRepo},
};
use sea_orm::{EntityTrait, FromQueryResult, Iterable, prelude::Uuid};

use crate::{
    SqlBackend,
    error::store_error,
    sql::{Row, Sql},
    values::number,
};

/// Most values bound to one INSERT: SQLite takes 32,766, PostgreSQL 65,535.
const MAX_BOUND_VALUES: usize = 32_000;

/// The repositories of a unit of work over a backend's connection.
pub struct SqlRepos<B> {
    pub(crate) backend: B,
    clock: Arc<dyn Clock>,
    /// A statement failed. PostgreSQL refuses the rest by itself, SQLite does not.
    poisoned: AtomicBool,
    /// Writes that go with the next statement.
    waiting: Mutex<Vec<Sql>>,
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

/// Rows of one INSERT.
fn batch_of<M: Row>() -> usize {
    MAX_BOUND_VALUES / <M::Entity as EntityTrait>::Column::iter().count().max(1)
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

    /// The scope inside a tenant.
    pub(crate) fn tenant(&self) -> Result<&TenantScope, StoreError> {
        self.backend.scope().tenant().ok_or(StoreError::OutOfScope("this needs the scope of a tenant"))
    }

    /// The tenant, or `None` for the installation; sign-in reaches neither.
    pub(crate) fn tenant_or_installation(&self) -> Result<Option<TenantId>, StoreError> {
        match self.backend.scope() {
            Scope::Tenant(scope) => Ok(Some(scope.tenant_id)),
            Scope::Installation { .. } => Ok(None),
            Scope::SignIn => Err(StoreError::OutOfScope("sign-in only looks accounts up")),
        }
    }

    /// Refuses anything but work across tenants.
    pub(crate) fn installation_only(&self) -> Result<(), StoreError> {
        match self.backend.scope() {
            Scope::Installation { .. } => Ok(()),
            Scope::Tenant(_) | Scope::SignIn => Err(StoreError::OutOfScope("this needs the scope of the installation")),
        }
    }

    /// Refuses a row of another tenant than the scope's.
    pub(crate) fn own_tenant(&self, tenant: TenantId) -> Result<(), StoreError> {
        if self.tenant()?.tenant_id == tenant {
            Ok(())
        } else {
            Err(StoreError::OutOfScope("the row belongs to another tenant"))
        }
    }

    /// Refuses a row of another tenant than the scope's, or of any in the installation's scope.
    pub(crate) fn own_tenant_or_none(&self, tenant: Option<TenantId>) -> Result<(), StoreError> {
        if self.tenant_or_installation()? == tenant {
            Ok(())
        } else {
            Err(StoreError::OutOfScope("the row belongs to another tenant"))
        }
    }

    /// Adds rows that nobody reads in this unit of work, by a statement of which nobody asks how many
    /// rows it changed. It goes with the next one, which saves a round trip (on SQLite, to the thread of
    /// the connection); its error comes with that one, or with the commit.
    pub(crate) async fn add_later<M: Row>(&self, rows: Vec<M>) -> Result<(), StoreError> {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let sql = Sql::new("INSERT INTO ").table_with_columns::<M::Entity>().text(" ");
            self.execute_later(sql.values(rows.by_ref().take(batch_of::<M>()))).await?;
        }
        Ok(())
    }

    /// The same for any statement that writes. It must not touch a row that the next one changes, as
    /// PostgreSQL then does one of both. Whoever tells kinds of errors apart asks for the constraint: the
    /// error of the next statement may be this one's.
    pub(crate) async fn execute_later(&self, sql: Sql) -> Result<(), StoreError> {
        self.refuse_unless_writable()?;
        let sql = sql.refuse_nul().map_err(|error| self.poison(error))?;
        if self.waiting().iter().map(Sql::bound).sum::<usize>() + sql.bound() > MAX_BOUND_VALUES {
            self.send_waiting().await?;
        }
        self.waiting().push(sql);
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Sql>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what waits by itself.
    pub(crate) async fn send_waiting(&self) -> Result<(), StoreError> {
        let mut waiting = std::mem::take(&mut *self.waiting());
        let Some(last) = waiting.pop() else { return Ok(()) };
        self.send(self.together(waiting, last)).await.map(|_| ())
    }

    /// The statement, with what waits.
    async fn with_waiting(&self, sql: Sql) -> Result<Sql, StoreError> {
        if self.stands_alone(&sql) {
            self.send_waiting().await?;
        }
        let waiting = std::mem::take(&mut *self.waiting());
        Ok(self.together(waiting, sql))
    }

    /// All rows of a query.
    pub(crate) async fn rows<T: FromQueryResult>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        self.refuse_if_poisoned()?;
        self.send_waiting().await?;
        self.rows_of(sql).await
    }

    /// The first row of a query.
    pub(crate) async fn row<T: FromQueryResult>(&self, sql: Sql) -> Result<Option<T>, StoreError> {
        self.refuse_if_poisoned()?;
        self.send_waiting().await?;
        self.row_of(sql).await
    }

    /// The first row of a query that nothing which waits can change, so that it need not wait for that.
    pub(crate) async fn row_beside<T: FromQueryResult>(&self, sql: Sql) -> Result<Option<T>, StoreError> {
        self.refuse_if_poisoned()?;
        self.row_of(sql).await
    }

    /// The rows that a writing statement returns.
    pub(crate) async fn returning<T: FromQueryResult>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        self.refuse_unless_writable()?;
        let sql = self.with_waiting(sql).await?;
        self.rows_of(sql).await
    }

    /// Whether a query answers any row.
    pub(crate) async fn exists(&self, sql: Sql) -> Result<bool, StoreError> {
        self.refuse_if_poisoned()?;
        self.send_waiting().await?;
        let statement = sql.statement(self.backend.get_database_backend());
        let row = self.noting(async { self.backend.query_one_raw(statement).await.map_err(store_error) }).await?;
        Ok(row.is_some())
    }

    /// The column `id` of a query's first row.
    pub(crate) async fn id(&self, sql: Sql) -> Result<Option<Uuid>, StoreError> {
        let row: Option<IdRow> = self.row(sql).await?;
        Ok(row.map(|IdRow { id }| id))
    }

    /// The column `n` of a query that counts.
    pub(crate) async fn count_of(&self, sql: Sql) -> Result<u64, StoreError> {
        let row: Option<CountRow> = self.row(sql).await?;
        number(row.map_or(0, |CountRow { n }| n))
    }

    /// Runs a writing statement; answers how many rows it changed.
    pub(crate) async fn execute(&self, sql: Sql) -> Result<u64, StoreError> {
        self.refuse_unless_writable()?;
        let sql = self.with_waiting(sql).await?;
        self.send(sql).await
    }

    async fn send(&self, sql: Sql) -> Result<u64, StoreError> {
        let changed = async {
            let statement = sql.refuse_nul()?.statement(self.backend.get_database_backend());
            Ok(self.backend.execute_raw(statement).await.map_err(store_error)?.rows_affected())
        };
        self.noting(changed).await
    }

    /// Runs a command on one row that the scope must reach.
    pub(crate) async fn command(&self, sql: Sql) -> Result<(), StoreError> {
        if self.execute(sql).await? == 0 { Err(StoreError::Stale) } else { Ok(()) }
    }

    /// Runs a command that may move a status. Where it changes nothing, a row that is found all the
    /// same tells that the step is not allowed.
    pub(crate) async fn take_step(&self, sql: Sql, found: Sql, rule: &str) -> Result<(), StoreError> {
        if self.execute(sql).await? > 0 {
            Ok(())
        } else if self.exists(found).await? {
            Err(self.poison(StoreError::Check(rule.to_owned())))
        } else {
            Err(StoreError::Stale)
        }
    }

    /// Adds rows.
    pub(crate) async fn add<M: Row>(&self, rows: Vec<M>) -> Result<(), StoreError> {
        self.add_unless(rows, "").await.map(|_| ())
    }

    /// Adds rows with a clause for those whose key is taken; answers how many it added or changed.
    pub(crate) async fn add_unless<M: Row>(&self, rows: Vec<M>, on_conflict: &'static str) -> Result<u64, StoreError> {
        let mut rows = rows.into_iter().peekable();
        let mut changed = 0;
        while rows.peek().is_some() {
            let sql = Sql::new("INSERT INTO ").table_with_columns::<M::Entity>().text(" ");
            let sql = sql.values(rows.by_ref().take(batch_of::<M>())).text(on_conflict);
            changed += self.execute(sql).await?;
        }
        Ok(changed)
    }

    /// Adds rows where a condition holds; tells whether it does.
    pub(crate) async fn add_if<M: Row>(
        &self,
        rows: Vec<M>,
        condition: impl Fn(Sql) -> Result<Sql, StoreError> + Send,
    ) -> Result<bool, StoreError> {
        let mut rows = rows.into_iter().peekable();
        let mut holds = true;
        while holds && rows.peek().is_some() {
            let sql = Sql::new("INSERT INTO ").table_with_columns::<M::Entity>().text(" SELECT * FROM (");
            let sql = sql.values(rows.by_ref().take(batch_of::<M>())).text(") AS v WHERE ");
            holds = self.execute(condition(sql)?).await? > 0;
        }
        Ok(holds)
    }

    /// Refuses the rest of the transaction for an error that no statement gave.
    pub(crate) fn poison(&self, error: StoreError) -> StoreError {
        self.poisoned.store(true, Ordering::Release);
        error
    }

    async fn rows_of<T: FromQueryResult>(&self, sql: Sql) -> Result<Vec<T>, StoreError> {
        let statement = sql.statement(self.backend.get_database_backend());
        let rows = self.noting(async { self.backend.query_all_raw(statement).await.map_err(store_error) }).await?;
        rows.iter().map(|row| T::from_query_result(row, "").map_err(store_error)).collect()
    }

    async fn row_of<T: FromQueryResult>(&self, sql: Sql) -> Result<Option<T>, StoreError> {
        let statement = sql.statement(self.backend.get_database_backend());
        let row = self.noting(async { self.backend.query_one_raw(statement).await.map_err(store_error) }).await?;
        row.map(|row| T::from_query_result(&row, "").map_err(store_error)).transpose()
    }

    /// Remembers that a statement failed or was cut off: the rest of the transaction is refused.
    async fn noting<T>(&self, statement: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let mut end = End { poisoned: &self.poisoned, is_good: false };
        let answer = statement.await;
        end.is_good = answer.is_ok();
        answer
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
        self.tenant()?;
        self.refuse_unless_writable()?;
        self.noting(self.backend.insert(entries)).await
    }

    async fn count(&self, version: SourceVersionId, model: &str) -> Result<u64, StoreError> {
        self.tenant()?;
        self.refuse_if_poisoned()?;
        self.noting(self.backend.count(version, model)).await
    }

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        previous: Option<SourceVersionId>,
    ) -> Result<(), StoreError> {
        self.tenant()?;
        self.refuse_unless_writable()?;
        self.noting(self.backend.publish(source, version, previous)).await
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
        self.noting(self.backend.nearest(model, vector, readable, limit)).await
    }

    async fn lexical(&self, query: &str, readable: &Readable, limit: u32) -> Result<Vec<IndexHit>, StoreError> {
        self.tenant()?;
        self.refuse_if_poisoned()?;
        self.noting(self.backend.lexical(query, readable, limit)).await
    }
}

impl<B: SqlBackend> Repos for SqlRepos<B> {
    fn installation(&self) -> &dyn InstallationRepo {
        self
    }
    fn sign_in(&self) -> &dyn SignInRepo {
        self
    }
    fn tenants(&self) -> &dyn TenantRepo {
        self
    }
    fn users(&self) -> &dyn UserRepo {
        self
    }
    fn roles(&self) -> &dyn RoleRepo {
        self
    }
    fn sessions(&self) -> &dyn SessionRepo {
        self
    }
    fn api_keys(&self) -> &dyn ApiKeyRepo {
        self
    }
    fn conversations(&self) -> &dyn ConversationRepo {
        self
    }
    fn messages(&self) -> &dyn MessageRepo {
        self
    }
    fn streams(&self) -> &dyn StreamRepo {
        self
    }
    fn collections(&self) -> &dyn CollectionRepo {
        self
    }
    fn sources(&self) -> &dyn SourceRepo {
        self
    }
    fn chunks(&self) -> &dyn ChunkRepo {
        self
    }
    fn chunk_index(&self) -> &dyn ChunkIndex {
        self
    }
    fn retrieval(&self) -> &dyn RetrievalRepo {
        self
    }
    fn usage(&self) -> &dyn UsageRepo {
        self
    }
    fn prices(&self) -> &dyn PriceRepo {
        self
    }
    fn audit(&self) -> &dyn AuditRepo {
        self
    }
    fn jobs(&self) -> &dyn JobRepo {
        self
    }
    fn idempotency(&self) -> &dyn IdempotencyRepo {
        self
    }
}
