//! Storage in one SQLite file: the embedded default.
//!
//! One connection writes, several read snapshots (WAL). Commits that wait for each other share a
//! flush (`write queue`). Words are found by FTS5 and vectors by a scan of codes in memory (`index`).

mod index;
mod options;
mod schema;
mod store;
mod unit;
mod wakeups;
mod write_queue;

pub use crate::{
    options::SqliteOptions,
    schema::migrate_status,
    store::{SqliteError, SqliteStore},
    unit::SqliteUnit,
    wakeups::SqliteWakeups,
};
