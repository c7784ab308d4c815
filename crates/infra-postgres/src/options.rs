//! Settings of the connection, with their defaults.

use std::{num::NonZero, thread::available_parallelism, time::Duration};

/// Connections that serve tenants, beside two for each processor.
const FEWEST_CONNECTIONS: u32 = 4;
/// Most processors that are counted for that, so that several instances fit into PostgreSQL's hundred.
const MOST_PROCESSORS: usize = 14;

/// Sizes and times of the connections to PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Connections that serve tenants: by default four and two for each processor (of at most 14), as
    /// more only take turns.
    pub app_connections: u32,
    /// Connections for work across tenants, beside the one that listens for wake-ups.
    pub job_connections: u32,
    /// How long a unit of work waits for a connection before the database counts as busy.
    pub acquire_timeout: Duration,
    /// How long opening one connection may take.
    pub connect_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long an open transaction may do nothing before the server ends it.
    pub idle_in_transaction_timeout: Duration,
    /// A connection that rested longer is tried before it is used.
    pub test_after_idle: Duration,
    /// Bytes of memory for the words of collections; 0: the database's own index answers.
    pub words_cache_bytes: u64,
    /// Bytes of memory for their vectors, as codes; 0: the same.
    pub vector_cache_bytes: u64,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get).min(MOST_PROCESSORS);
        Self {
            app_connections: FEWEST_CONNECTIONS + 2 * processors as u32,
            job_connections: 4,
            acquire_timeout: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
            idle_in_transaction_timeout: Duration::from_secs(20),
            test_after_idle: Duration::from_secs(30),
            words_cache_bytes: 256 * 1024 * 1024,
            vector_cache_bytes: 256 * 1024 * 1024,
        }
    }
}
