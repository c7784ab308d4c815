//! The pools and the settings of their connections.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use deadpool::{
    Runtime,
    managed::{
        Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts,
    },
};
use domain::{
    ids::TenantId,
    store::{Priority, StoreError},
};
use infra_sql::{Admission, Admitted, store_error};
use migration::postgres::APP;
use pgvector::Vector;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::{sleep, timeout};

use crate::{error::PostgresError, options::PostgresOptions, unit::failed};

/// Candidates that a search keeps while it walks the HNSW graph; pgvector's default is 40. The recall of
/// the ten nearest among 100,000 vectors was 0.93 with 100 and, from one building of the graph to the
/// next, 0.94 to 0.97 with 160; the contract wants 0.95.
const HNSW_EF_SEARCH: u32 = 240;
/// First pause before connecting again to a server that takes no connection just now.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(320);
/// How much longer than the server lets a statement run its answer is waited for. Behind that it gives none any more, be
/// it that it stands still or that the network lost it without a word.
const LATE_ANSWER: Duration = Duration::from_secs(5);
/// How long a connection is used: the memory of its server process grows with what it has seen.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 60);

/// Connections of one role. The one that was given back last is taken first: its server process is
/// still in the processor's caches.
pub type ConnectionPool = Pool<Connections>;

/// A connection of a pool, which has it back when this is dropped, in whatever state; then its place goes
/// to the next.
pub(crate) struct PooledConnection {
    connection: Object<Connections>,
    admitted: Admitted,
}

impl PooledConnection {
    pub(crate) fn get(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Closes the connection instead of giving it back.
    pub(crate) fn close(mut self) {
        self.admitted.set_of_use(false);
        drop(Object::take(self.connection));
    }
}

/// The connections of one role, and who gets the next one.
pub(crate) struct RolePool {
    pub(crate) connections: ConnectionPool,
    /// What each of them works as.
    pub(crate) role: &'static str,
    /// Behind a pooler: what a transaction sets for itself first.
    pub(crate) settings: Option<String>,
    longest_answer: Duration,
    admission: Admission,
}

impl RolePool {
    /// How long an answer of the server is waited for.
    pub(crate) const fn longest_answer(&self) -> Duration {
        self.longest_answer
    }

    /// A connection for work of a tenant, or why there is none in time.
    ///
    /// As many are admitted as there are connections, so nobody waits in the pool itself but for the server.
    /// Where the last try to connect failed, those that were not admitted wait for the server too.
    pub(crate) async fn acquire(
        &self,
        tenant: Option<TenantId>,
        priority: Priority,
    ) -> Result<PooledConnection, StoreError> {
        let away = |error| store_error(failed(error));
        let mut admitted = self.admission.enter(tenant, priority).await.map_err(|busy| {
            let is_reachable = self.connections.manager().is_reachable.load(Ordering::Relaxed);
            if is_reachable { busy } else { away(sqlx::Error::PoolTimedOut) }
        })?;
        // Also where whoever waits for the connection gives up.
        admitted.set_of_use(false);
        let longest = self.connections.timeouts().wait.unwrap_or_default();
        let failure = match timeout(longest, self.connections.get()).await {
            Ok(Ok(connection)) => {
                admitted.set_of_use(true);
                return Ok(PooledConnection { connection, admitted });
            }
            Err(_) | Ok(Err(PoolError::Timeout(_))) => sqlx::Error::PoolTimedOut,
            Ok(Err(PoolError::Backend(error))) => error,
            Ok(Err(PoolError::Closed)) => sqlx::Error::PoolClosed,
            Ok(Err(other)) => sqlx::Error::Configuration(Box::new(other)),
        };
        Err(away(failure))
    }
}

/// Opens the connections of a pool, and returns which may be used again.
///
/// The driver's own pool asks each connection that comes back whether it is well, which costs one round
/// trip a transaction; here the `Lease` has seen its end already.
#[derive(Debug)]
pub struct Connections {
    options: PgConnectOptions,
    is_pooled: bool,
    test_after_idle: Duration,
    /// Whether the last try to connect succeeded.
    is_reachable: AtomicBool,
}

impl Connections {
    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        if self.is_pooled {
            // A type of a column that the driver does not know yet it looks up by a statement of the simple
            // protocol, and that ends the statement without a name that is about to be run. One of a value it
            // looks up before; from then on it knows it.
            let value = sqlx::query("SELECT $1 IS NULL").bind(None::<Vector>).persistent(false);
            sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
            value.execute(&mut connection).await?;
            sqlx::raw_sql("ROLLBACK").execute(&mut connection).await?;
        }
        Ok(connection)
    }

    fn saw<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.is_reachable.store(outcome.is_ok(), Ordering::Relaxed);
        outcome
    }
}

impl Manager for Connections {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.saw(self.connect().await) {
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

/// What work as a role is done with.
fn settings_of(role: &'static str, settings: &PostgresOptions) -> [(&'static str, String); 7] {
    let milliseconds = |time: Duration| time.as_millis().to_string();
    // What serves tenants has an index for each of its queries, and plans are kept: one that was made while
    // a table was empty would read the whole of it long after it has grown.
    let scans_whole_tables = if role == APP { "off" } else { "on" };
    [
        ("role", role.to_owned()),
        ("enable_seqscan", scans_whole_tables.to_owned()),
        ("statement_timeout", milliseconds(settings.statement_timeout)),
        ("lock_timeout", milliseconds(settings.lock_timeout)),
        // Searches by vector: go on until enough rows have passed the filters.
        ("hnsw.iterative_scan", "relaxed_order".to_owned()),
        ("hnsw.ef_search", HNSW_EF_SEARCH.to_string()),
        ("idle_in_transaction_session_timeout", milliseconds(settings.idle_in_transaction_timeout)),
    ]
}

/// The options of a connection of its own that works as `role` from its first statement on.
pub(crate) fn as_role(options: PgConnectOptions, role: &'static str, settings: &PostgresOptions) -> PgConnectOptions {
    options.options(settings_of(role, settings))
}

/// The same for one transaction, whatever connection a pooler does it on.
fn for_a_transaction(role: &'static str, settings: &PostgresOptions) -> String {
    let warnings = ("client_min_messages", "warning".to_owned());
    let settings = settings_of(role, settings).into_iter().chain([warnings]);
    settings.map(|(name, value)| format!("SET LOCAL {name} = '{value}'; ")).collect()
}

/// A pool of up to `size` connections, none of them open yet. Only a [`Lease`](crate::lease::Lease)
/// opens a transaction on it.
pub(crate) fn open(
    name: &'static str,
    (options, is_pooled): (PgConnectOptions, bool),
    role: &'static str,
    size: u32,
    settings: &PostgresOptions,
) -> Result<RolePool, PostgresError> {
    let (options, for_each) = if is_pooled {
        (options, Some(for_a_transaction(role, settings)))
    } else {
        (as_role(options, role, settings), None)
    };
    // Each of them alone; `acquire` bounds them together.
    let longest = Some(settings.acquire_timeout);
    let timeouts = Timeouts { wait: longest, create: longest, recycle: longest };
    let config = PoolConfig { max_size: size as usize, timeouts, queue_mode: QueueMode::Lifo };
    let test_after_idle = settings.test_after_idle;
    let manager = Connections { options, is_pooled, test_after_idle, is_reachable: AtomicBool::new(true) };
    let pool = Pool::builder(manager).config(config).runtime(Runtime::Tokio1).build();
    let connections = pool.map_err(|error| PostgresError::Database(sqlx::Error::Configuration(Box::new(error))))?;
    let admission = Admission::new(name, size as usize, settings.acquire_timeout);
    let longest_answer = settings.statement_timeout + LATE_ANSWER;
    Ok(RolePool { connections, role, settings: for_each, longest_answer, admission })
}
