//! The pools and the settings of their connections.

use std::str::FromStr;

use sqlx::{Connection, PgPool, Postgres, pool::PoolOptions, postgres::PgConnectOptions};

use crate::{error::PostgresError, options::PostgresOptions};

/// Candidates that a search keeps while it walks the HNSW graph; pgvector's default is 40. With 100 the
/// recall of the ten nearest among 100,000 vectors was 0.93, below the 0.95 of the contract.
const HNSW_EF_SEARCH: u32 = 160;

/// Reads a database URL. Statements are logged by the caller, not by the driver.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, PostgresError> {
    let options = PgConnectOptions::from_str(url).map_err(PostgresError::Url)?;
    // The driver writes notices ("already exists, skipping") to the log as they come; warnings matter.
    Ok(options.application_name("banyan").options([("client_min_messages", "warning")]))
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

/// A pool of up to `size` connections. Only a [`Lease`](crate::lease::Lease) opens a transaction on it.
pub(crate) fn open(options: PgConnectOptions, size: u32, settings: &PostgresOptions) -> PgPool {
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
        .connect_lazy_with(options)
}
