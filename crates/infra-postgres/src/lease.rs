//! A pool's connection for one transaction, which never goes back with what was left open on it.
//!
//! Cancelling a future inside BEGIN leaves a connection in a transaction that its owner does not know
//! of; whatever the next user writes on it without a transaction of its own is acknowledged and later
//! lost. So the lease is there before the first byte of BEGIN is sent. A connection whose COMMIT or
//! ROLLBACK was seen to succeed is idle: the transaction is over, and the tenant was set for it
//! alone. Any other is cleaned before the pool has it again, or closed. Nothing else in this crate
//! opens a transaction on a pool.

use std::{io, time::Duration};

use domain::{
    ids::TenantId,
    store::{Priority, StoreError},
};
use infra_sql::store_error;
use sqlx::{AssertSqlSafe, IntoArguments, PgConnection, Postgres, Row, postgres::PgRow, query::Query};
use tokio::{runtime::Handle, time::timeout};

use crate::{
    pool::{PooledConnection, RolePool},
    unit::failed,
};

/// How long cleaning may take, as a statement may still be running. Then the connection is closed.
const LONGEST_CLEANING: Duration = Duration::from_secs(5);

/// A connection in a transaction, or on the way into or out of one.
pub(crate) struct Lease {
    /// There until the transaction has ended for certain.
    connection: Option<PooledConnection>,
    longest_answer: Duration,
}

impl Lease {
    /// Begins a transaction by a statement that may say more than BEGIN, sets its tenant and sees who works,
    /// in one round trip.
    ///
    /// Also where there is no tenant none is left: whoever can run any statement could set one, or take on
    /// another role, for longer than its transaction. A connection on which somebody did is closed.
    pub(crate) async fn begin(
        pool: &RolePool,
        tenant: Option<TenantId>,
        priority: Priority,
        begin: &'static str,
    ) -> Result<Self, StoreError> {
        let mut lease = Self::over(pool, tenant, priority).await?;
        let settings = pool.settings.as_deref().unwrap_or_default();
        // A UUID is printed as hexadecimal digits and hyphens only.
        let tenant = tenant.map(|tenant| tenant.to_string()).unwrap_or_default();
        // As `current_user` wherever it names one, without a plan and a snapshot.
        let statement = format!("{begin}; {settings}SET LOCAL app.tenant_id = '{tenant}'; SHOW role");
        let longest = lease.longest_answer;
        let begun = async {
            let row = sqlx::raw_sql(AssertSqlSafe(statement)).fetch_one(lease.connection()?).await?;
            row.try_get::<String, _>("role")
        };
        let worker = in_time(longest, begun).await.map_err(|error| store_error(failed(error)))?;
        if worker != pool.role {
            tracing::error!(worker, role = pool.role, "a connection works as another role, it is closed");
            if let Some(connection) = lease.connection.take() {
                connection.close();
            }
            let stray = format!("a connection works as '{worker}' instead of '{}'", pool.role);
            return Err(StoreError::Unavailable(stray.into()));
        }
        Ok(lease)
    }

    async fn over(pool: &RolePool, tenant: Option<TenantId>, priority: Priority) -> Result<Self, StoreError> {
        let connection = Some(pool.acquire(tenant, priority).await?);
        Ok(Self { connection, longest_answer: pool.longest_answer() })
    }

    /// Runs one statement as a transaction of its own.
    pub(crate) async fn run_alone(
        pool: &RolePool,
        tenant: Option<TenantId>,
        priority: Priority,
        statement: Query<'_, Postgres, impl IntoArguments<Postgres>>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let read = |error| store_error(failed(error));
        if pool.settings.is_some() {
            let mut lease = Self::begin(pool, tenant, priority, "BEGIN").await?;
            let run = async { statement.persistent(false).fetch_all(lease.connection()?).await };
            let rows = in_time(pool.longest_answer(), run).await.map_err(read)?;
            lease.commit().await.map_err(read)?;
            return Ok(rows);
        }
        let mut lease = Self::over(pool, tenant, priority).await?;
        let run = async { statement.fetch_all(lease.connection()?).await };
        let rows = in_time(pool.longest_answer(), run).await.map_err(read)?;
        // Seen to its end, and what it set was for itself: idle.
        lease.connection = None;
        Ok(rows)
    }

    /// The connection, for statements within the transaction.
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.connection.as_mut().map(PooledConnection::get).ok_or(sqlx::Error::PoolClosed)
    }

    /// Makes the transaction's changes last.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    /// Undoes the transaction's changes.
    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        let longest = self.longest_answer;
        in_time(longest, sqlx::raw_sql(statement).execute(self.connection()?)).await?;
        // At rest: the pool may have it back as it is.
        self.connection = None;
        Ok(())
    }
}

/// An answer of the server, or the error that it gives none.
async fn in_time<T>(longest: Duration, answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let late = |_| sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "the server does not answer any more"));
    timeout(longest, answer).await.map_err(late)?
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let unclean = Unclean { connection: Some(connection) };
        // Without a runtime nobody is left to wait for an answer.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(clean(unclean));
        }
    }
}

/// A connection that the pool may not have back yet. Dropping it closes it, also where the runtime that
/// was to clean it ends before that; the server rolls back what loses its client.
struct Unclean {
    connection: Option<PooledConnection>,
}

impl Drop for Unclean {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.close();
        }
    }
}

/// Gives the connection back idle, or closes it.
async fn clean(mut unclean: Unclean) {
    let Some(connection) = unclean.connection.as_mut().map(PooledConnection::get) else { return };
    match timeout(LONGEST_CLEANING, roll_back(connection)).await {
        // The pool has it back.
        Ok(Ok(true)) => unclean.connection = None,
        Ok(Ok(false)) => tracing::warn!("a connection is not idle after ROLLBACK, it is closed"),
        Ok(Err(error)) => tracing::warn!(%error, "a connection cannot be cleaned, it is closed"),
        Err(_) => tracing::warn!("cleaning a connection takes too long, it is closed"),
    }
}

/// Ends whatever is open; returns whether the connection is idle then.
///
/// Outside a transaction each statement is one of its own, so that both began at the same moment; and
/// no tenant is set. Only the simple protocol has it so: in the extended one a statement's time is
/// that of a later message.
async fn roll_back(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await?;
    let row = sqlx::raw_sql(
        "SELECT now() = statement_timestamp() AND coalesce(current_setting('app.tenant_id', true), '') = '' AS rests",
    )
    .fetch_one(connection)
    .await?;
    row.try_get("rests")
}
