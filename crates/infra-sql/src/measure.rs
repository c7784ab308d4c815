//! One span and one histogram for every statement, and for every wait for a connection.

use std::{future::Future, time::Instant};

use tracing::Instrument;

/// Seconds of a statement, with the label `statement` (`<aggregate>.<verb>`) and `outcome` (`ok`,
/// `error`).
pub const STATEMENT_SECONDS: &str = "banyan_db_statement_seconds";

/// Seconds that a unit of work waited for its place, with the label `pool`.
pub const POOL_WAIT_SECONDS: &str = "banyan_db_pool_wait_seconds";

/// Waits for a place at a pool: a span `pool`, and an observation of [`POOL_WAIT_SECONDS`], whether there
/// was one in time or not.
pub(crate) async fn waited<T>(pool: &'static str, connection: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let outcome = connection.instrument(tracing::debug_span!("pool", pool)).await;
    metrics::histogram!(POOL_WAIT_SECONDS, "pool" => pool).record(start.elapsed());
    outcome
}

/// Runs a statement under its name: a span `db` whose field `statement` says `db.<aggregate>.<verb>`, and
/// an observation of [`STATEMENT_SECONDS`]. One that is cut off is in neither.
pub(crate) async fn measured<T, E>(name: &'static str, statement: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let span = tracing::debug_span!("db", statement = name);
    let start = Instant::now();
    let outcome = statement.instrument(span).await;
    let ended = if outcome.is_ok() { "ok" } else { "error" };
    metrics::histogram!(STATEMENT_SECONDS, "statement" => name, "outcome" => ended).record(start.elapsed());
    outcome
}
