//! The pools and the settings of their connections.

use std::{str::FromStr, time::Duration};

use deadpool::{
    Runtime,
    managed::{
        Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts,
    },
};
use infra_sql::waited;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::{sleep, timeout};

use crate::{error::PostgresError, options::PostgresOptions};

/// Candidates that a search keeps while it walks the HNSW graph; pgvector's default is 40. The recall of
/// the ten nearest among 100,000 vectors was 0.93 with 100 and, from one building of the graph to the
/// next, 0.94 to 0.97 with 160; the contract wants 0.95.
const HNSW_EF_SEARCH: u32 = 240;
/// First pause before connecting again to a server that takes no connection just now.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// How long a connection is used: the memory of its server process grows with what it has seen.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

/// Connections of one role. The one that was given back last is taken first: its server process is
/// still in the processor's caches.
pub type ConnectionPool = Pool<Connections>;
/// A connection of a pool, which has it back when this is dropped, in whatever state.
pub(crate) type PooledConnection = Object<Connections>;

/// Opens the connections of a pool, and returns which may be used again.
///
/// The driver's own pool asks each connection that comes back whether it is well, which costs one round
/// trip a transaction; here the `Lease` has seen its end already.
#[derive(Debug)]
pub struct Connections {
    /// Whose pool it is, for metrics.
    name: &'static str,
    options: PgConnectOptions,
    test_after_idle: Duration,
}

impl Manager for Connections {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            match PgConnection::connect_with(&self.options).await {
                // The pool's timeout ends this.
                Err(error) if may_pass(&error) => {
                    tracing::debug!(%error, "PostgreSQL takes no connection now, trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() > LONGEST_LIFE {
            return Err(RecycleError::message("it has been used for long enough"));
        }
        if metrics.last_used() > self.test_after_idle {
            connection.ping().await?;
        }
        Ok(())
    }
}

/// Whether a server that refuses a connection may take one soon: it starts, stops, or has too many.
fn may_pass(error: &sqlx::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    match error {
        sqlx::Error::Io(error) => matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset),
        sqlx::Error::Database(error) => matches!(error.code().as_deref(), Some("57P03" | "53300")),
        _ => false,
    }
}

/// Reads a database URL. Statements are logged by the caller, not by the driver.
pub(crate) fn parse(url: &str) -> Result<PgConnectOptions, PostgresError> {
    let options = PgConnectOptions::from_str(url).map_err(PostgresError::Url)?;
    // The driver writes notices ("already exists, skipping") to the log as they come; warnings matter.
    Ok(options.application_name("banyan").options([("client_min_messages", "warning")]))
}

/// The options of a connection that works as `role` from its first statement on.
pub(crate) fn as_role(options: &PgConnectOptions, role: &str, settings: &PostgresOptions) -> PgConnectOptions {
    let milliseconds = |time: Duration| time.as_millis().to_string();
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

/// A pool of up to `size` connections, none of them open yet. Only a [`Lease`](crate::lease::Lease)
/// opens a transaction on it.
pub(crate) fn open(
    name: &'static str,
    options: PgConnectOptions,
    size: u32,
    settings: &PostgresOptions,
) -> Result<ConnectionPool, PostgresError> {
    // Each of them alone; `acquire` bounds them together.
    let longest = Some(settings.acquire_timeout);
    let timeouts = Timeouts { wait: longest, create: longest, recycle: longest };
    let config = PoolConfig { max_size: size as usize, timeouts, queue_mode: QueueMode::Lifo };
    let connections = Connections { name, options, test_after_idle: settings.test_after_idle };
    let pool = Pool::builder(connections).config(config).runtime(Runtime::Tokio1).build();
    pool.map_err(|error| PostgresError::Database(sqlx::Error::Configuration(Box::new(error))))
}

/// A connection of the pool, or why there is none in time.
pub(crate) async fn acquire(pool: &ConnectionPool) -> Result<PooledConnection, sqlx::Error> {
    let longest = pool.timeouts().wait.unwrap_or_default();
    let acquired = waited(pool.manager().name, timeout(longest, pool.get())).await;
    let acquired = acquired.map_err(|_| sqlx::Error::PoolTimedOut)?;
    acquired.map_err(|error| match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(_) => sqlx::Error::PoolTimedOut,
        PoolError::Closed => sqlx::Error::PoolClosed,
        other => sqlx::Error::Configuration(Box::new(other)),
    })
}
