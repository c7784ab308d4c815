//! Pools of connections that never hand on what their last user left open.
//!
//! Cancelling a future inside `begin` leaves a connection in a transaction that its owner does not
//! know of; whatever the next user writes on it without a transaction of its own is acknowledged and
//! later lost. So every released connection is asked whether it is clean, before it goes back.

use std::str::FromStr;

use sqlx::{
    Connection, PgConnection, PgPool, Postgres, Row, Transaction, pool::PoolOptions, postgres::PgConnectOptions,
};

use crate::{error::PostgresError, options::PostgresOptions};

/// Candidates that a search keeps while it walks the HNSW graph; pgvector's default is 40.
const HNSW_EF_SEARCH: u32 = 100;

/// Reads a database URL. Statements are logged by the caller, not by the driver.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, PostgresError> {
    let options = PgConnectOptions::from_str(url).map_err(PostgresError::Url)?;
    Ok(options.application_name("banyan"))
}

/// The options of a connection that works as `role` from its first statement on.
pub(crate) fn as_role(options: &PgConnectOptions, role: &str, settings: &PostgresOptions) -> PgConnectOptions {
    let milliseconds = |time: std::time::Duration| time.as_millis().to_string();
    options.clone().options([
        ("role", role.to_owned()),
        ("statement_timeout", milliseconds(settings.statement_timeout)),
        ("lock_timeout", milliseconds(settings.lock_timeout)),
        // Searches by vector: go on until enough rows have passed the filters.
        ("hnsw.iterative_scan", "relaxed_order".to_owned()),
        ("hnsw.ef_search", HNSW_EF_SEARCH.to_string()),
        ("idle_in_transaction_session_timeout", milliseconds(settings.idle_in_transaction_timeout)),
    ])
}

/// A pool of up to `size` connections, guarded as the module says.
pub(crate) fn guarded(options: PgConnectOptions, size: u32, settings: &PostgresOptions) -> PgPool {
    let test_after_idle = settings.test_after_idle;
    PoolOptions::<Postgres>::new()
        .max_connections(size)
        .acquire_timeout(settings.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(move |connection, rest| {
            Box::pin(async move {
                if rest.idle_for > test_after_idle {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| Box::pin(clean(connection)))
        .connect_lazy_with(options)
}

/// Whether the connection is at rest, after a rollback where it is not. An error closes it.
async fn clean(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if is_at_rest(connection).await.unwrap_or(false) {
        return Ok(true);
    }
    sqlx::raw_sql("ROLLBACK; RESET app.tenant_id").execute(&mut *connection).await?;
    is_at_rest(connection).await
}

/// Asks in one round trip: outside a transaction each statement is one of its own, so that both
/// began at the same moment; and no tenant is set. Only the simple protocol has it so: in the
/// extended one a statement's time is that of a later message.
async fn is_at_rest(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = sqlx::raw_sql(
        "SELECT now() = statement_timestamp() AND coalesce(current_setting('app.tenant_id', true), '') = '' AS rests",
    )
    .fetch_one(connection)
    .await?;
    row.try_get("rests")
}

/// Begins a transaction with a statement that may say more than BEGIN, in one round trip.
pub(crate) async fn begin(pool: &PgPool, statement: String) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with(sqlx::AssertSqlSafe(statement)).await
}
