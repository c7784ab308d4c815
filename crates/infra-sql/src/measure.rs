//! One span and one histogram for every statement.

use std::{future::Future, time::Instant};

use tracing::Instrument;

/// Seconds of a statement, with the label `statement` (`<aggregate>.<verb>`) and `outcome` (`ok`,
/// `error`).
pub const STATEMENT_SECONDS: &str = "banyan_db_statement_seconds";

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
