//! What turns leave in the database.

use anyhow::{Result, ensure};
use e2e::Installation;

use super::{
    figures::{Figure, Goal},
    sql::{Database, Dialect},
};

/// The tables that a turn writes to.
const TABLES: &[&str] =
    &["conversations", "messages", "streams", "stream_events", "usage_logs", "provider_calls", "audit_logs"];
/// Rows of events of an answer that are wanted at most, and their bytes beside the text.
const EVENT_ROWS: f64 = 4.0;
const EVENT_BYTES: f64 = 2048.0;

/// How much there was at some moment.
pub(crate) struct Left {
    turns: f64,
    rows: f64,
    bytes: f64,
    events: f64,
    event_bytes: f64,
    /// Bytes that PostgreSQL has written to its log.
    log: Option<f64>,
}

impl Left {
    /// Looks.
    pub(crate) async fn now(installation: &Installation) -> Result<Self> {
        let mut database = Database::open(installation).await?;
        let dialect = database.dialect();
        let (float, event_bytes, log) = match dialect {
            Dialect::Postgres => (
                "double precision",
                "sum(pg_column_size(e.*))",
                Some("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8"),
            ),
            // A row's ids, number and time, and its type and data.
            Dialect::Sqlite => ("real", "sum(72 + length(e.event_type) + length(e.data))", None),
        };
        let count = |table: &str| format!("(SELECT count(*) FROM {table})");
        let all: Vec<String> = TABLES.iter().map(|table| count(table)).collect();
        let as_float = |number: &str| format!("SELECT CAST({number} AS {float})");
        Ok(Self {
            turns: database.number(&as_float(&count("streams"))).await?,
            rows: database.number(&as_float(&all.join(" + "))).await?,
            bytes: database.size().await?,
            events: database.number(&as_float(&count("stream_events"))).await?,
            event_bytes: database
                .number(&as_float(&format!("(SELECT coalesce({event_bytes}, 0) FROM stream_events e)")))
                .await?,
            log: match log {
                Some(log) => Some(database.number(log).await?),
                None => None,
            },
        })
    }

    /// What the turns since have left, of which each answered with this text.
    pub(crate) async fn since(&self, installation: &Installation, name: &str, answer: &str) -> Result<Vec<Figure>> {
        let now = Self::now(installation).await?;
        let turns = now.turns - self.turns;
        ensure!(turns > 0.0, "there was no turn");
        let name = |figure: &str| format!("{name}: {figure}");
        let each = |after: f64, before: f64| (after - before) / turns;
        let mut figures = vec![
            Figure::new(
                name("rows of events of an answer"),
                each(now.events, self.events),
                "rows",
                Goal::AtMost(EVENT_ROWS),
            ),
            Figure::new(
                name("bytes of them, beside the text"),
                each(now.event_bytes, self.event_bytes) - answer.len() as f64,
                "bytes",
                Goal::AtMost(EVENT_BYTES),
            ),
            Figure::plain(name("rows that a turn leaves, in all tables"), each(now.rows, self.rows), "rows"),
            Figure::plain(name("bytes that it leaves, with indexes"), each(now.bytes, self.bytes), "bytes"),
        ];
        if let (Some(now), Some(before)) = (now.log, self.log) {
            figures.push(Figure::plain(name("bytes of PostgreSQL's log for a turn"), each(now, before), "bytes"));
        }
        Ok(figures)
    }
}
