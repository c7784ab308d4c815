//! Writes that wait for the next statement of their unit of work, and go with it. That saves a round trip
//! for each (on SQLite, a message to the thread of the connection). See ADR 12.

use std::sync::{MutexGuard, PoisonError};

use domain::store::StoreError;
use sea_orm::FromQueryResult;

use crate::{
    SqlBackend, SqlRepos,
    repos::MAX_BOUND_VALUES,
    sql::{Met, Sql},
    writes::Written,
};

/// A write that waits.
pub(crate) struct Waiting {
    sql: Sql<Met>,
    /// For a command, which must change a row.
    unless: Option<Unchanged>,
}

/// What it means that a command changed nothing.
pub(crate) enum Unchanged {
    /// Its row is not there, or not in reach.
    Stale,
    /// The same, unless this query finds a row: then the step is not allowed, by this rule.
    NotAllowed(Sql<Met>, &'static str),
}

/// Which statement of several changed a row.
#[derive(FromQueryResult)]
struct MarkRow {
    mark: i32,
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Sends statements that write, of which nobody asks how many rows they changed, with the next
    /// statement. An error comes with that statement, or with the commit. Whoever distinguishes kinds of
    /// errors asks for the constraint: the error of the next statement may be this one's.
    pub(crate) async fn execute_later(&self, statements: Vec<Sql<Met>>) -> Result<(), StoreError> {
        for sql in statements {
            self.wait(sql, None).await?;
        }
        Ok(())
    }

    /// The same for a command on one row that the scope must reach. It sets columns that no condition of a
    /// statement on another table reads, so that only writes of its own table wait for it.
    pub(crate) async fn command_later(&self, sql: Sql<Met>, unless: Unchanged) -> Result<(), StoreError> {
        self.wait(sql, Some(unless)).await
    }

    async fn wait(&self, sql: Sql<Met>, unless: Option<Unchanged>) -> Result<(), StoreError> {
        self.refuse_unless_writable()?;
        let sql = sql.refuse_nul().map_err(|error| self.poison(error))?;
        let bound = self.waiting().iter().map(|other| other.sql.bound()).sum::<usize>() + sql.bound();
        if bound > MAX_BOUND_VALUES || self.is_written_by_what_waits(&sql) {
            self.send_waiting().await?;
        }
        self.waiting().push(Waiting { sql, unless });
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write that waits and this statement must not go together. The parts of PostgreSQL's
    /// WITH see none of each other's changes, and of two that change one row only one is done, in
    /// silence. So they may touch the same table only as plain inserts.
    fn is_written_by_what_waits(&self, sql: &Sql<Met>) -> bool {
        let waiting = self.waiting();
        if waiting.is_empty() {
            return false;
        }
        let next = Written::by(sql);
        waiting.iter().any(|other| Written::by(&other.sql).meets(&next))
    }

    /// Whether a statement that writes reads a table to which a waiting write adds, or from which it removes.
    /// It would not see that write on PostgreSQL, and would on SQLite.
    fn is_seen_among_what_waits(&self, sql: &Sql<Met>) -> bool {
        self.waiting().iter().any(|other| other.unless.is_none() && Written::by(&other.sql).is_named_in(sql))
    }

    /// Whether a query names a table that a waiting write changes.
    pub(crate) fn is_named_by_what_waits(&self, sql: &Sql<Met>) -> bool {
        self.waiting().iter().any(|other| Written::by(&other.sql).is_named_in(sql))
    }

    /// Sends what waits by itself.
    pub(crate) async fn send_waiting(&self) -> Result<(), StoreError> {
        let waiting = std::mem::take(&mut *self.waiting());
        self.send_together(waiting, None).await.map(|_| ())
    }

    /// Sends what may not go with this statement, which writes, before it; returns what may.
    async fn company(&self, sql: &Sql<Met>) -> Result<Vec<Waiting>, StoreError> {
        if self.stands_alone(sql) || self.is_seen_among_what_waits(sql) || self.is_written_by_what_waits(sql) {
            self.send_waiting().await?;
        }
        Ok(std::mem::take(&mut *self.waiting()))
    }

    /// The statement, whose rows somebody reads, with what waits.
    pub(crate) async fn with_waiting(&self, sql: Sql<Met>) -> Result<Sql<Met>, StoreError> {
        let mut waiting = self.company(&sql).await?;
        if waiting.iter().any(|other| other.unless.is_some()) {
            self.send_together(std::mem::take(&mut waiting), None).await?;
        }
        Ok(self.together(waiting.into_iter().map(|other| other.sql).collect(), sql))
    }

    /// Sends the statement, with what waits; returns how many rows it changed.
    pub(crate) async fn send_with_waiting(&self, sql: Sql<Met>) -> Result<u64, StoreError> {
        let waiting = self.company(&sql).await?;
        self.send_together(waiting, Some(sql.refuse_nul().map_err(|error| self.poison(error))?)).await
    }

    /// Sends what waited, with a statement behind it; returns how many rows that one changed.
    async fn send_together(&self, waiting: Vec<Waiting>, last: Option<Sql<Met>>) -> Result<u64, StoreError> {
        let place = last.as_ref().map(|_| waiting.len());
        let all = waiting.into_iter().chain(last.map(|sql| Waiting { sql, unless: None }));
        let (mut statements, unless): (Vec<_>, Vec<_>) = all.map(|Waiting { sql, unless }| (sql, unless)).unzip();
        if unless.iter().all(Option::is_none) {
            let Some(last) = statements.pop() else { return Ok(0) };
            return self.send(self.together(statements, last)).await;
        }
        let counted = |(index, sql): (usize, Sql<Met>)| (sql, unless[index].is_some() || Some(index) == place);
        let marked = self.marked(statements.into_iter().enumerate().map(counted));
        let marks: Vec<MarkRow> = self.rows_of(marked).await?;
        let changed = |index: usize| marks.iter().filter(|row| usize::try_from(row.mark) == Ok(index)).count();
        for (index, unless) in unless.into_iter().enumerate() {
            if let Some(unless) = unless.filter(|_| changed(index) == 0) {
                return Err(self.changed_nothing(unless).await?);
            }
        }
        Ok(place.map_or(0, changed) as u64)
    }

    /// Why a command that was sent with others changed nothing. What they changed goes with it.
    async fn changed_nothing(&self, unless: Unchanged) -> Result<StoreError, StoreError> {
        let not_allowed = match unless {
            Unchanged::NotAllowed(found, rule) => self.finds(found).await?.then_some(rule),
            Unchanged::Stale => None,
        };
        let error = not_allowed.map_or(StoreError::Stale, |rule| StoreError::Check(rule.to_owned()));
        Ok(self.poison(error))
    }
}
