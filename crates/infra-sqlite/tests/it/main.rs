//! SQLite as a backend: the contract of all backends, and what is SQLite's own.

#![expect(clippy::unwrap_used, reason = "tests fail by panics")]

mod groups;
mod recall;
mod stored_json;
mod storm;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    clock::{Clock, SystemClock},
    store::Store,
};
use infra_sqlite::{SqliteOptions, SqliteStore};
use storage_testkit::Harness;
use tempfile::TempDir;

/// A store on a file of its own.
struct SqliteHarness {
    store: Arc<SqliteStore>,
    folder: TempDir,
}

#[async_trait]
impl Harness for SqliteHarness {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }
}

async fn harness(clock: Arc<dyn Clock>) -> SqliteHarness {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &SqliteOptions::default(), clock).await;
    SqliteHarness { store, folder }
}

async fn open(folder: &TempDir, options: &SqliteOptions, clock: Arc<dyn Clock>) -> Arc<SqliteStore> {
    let path = folder.path().join("banyan.db");
    Arc::new(SqliteStore::open(&path, options, clock).await.unwrap())
}

fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

async fn harness_without_memory(clock: Arc<dyn Clock>) -> SqliteHarness {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { words_cache_bytes: 0, vector_cache_bytes: 0, ..SqliteOptions::default() };
    let store = open(&folder, &options, clock).await;
    SqliteHarness { store, folder }
}

storage_testkit::contract_tests!(harness);

/// The index as SQLite itself answers, where memory does not.
mod without_memory {
    use super::harness_without_memory as harness;

    storage_testkit::contract_tests!(harness; chunk_index, index_reach);
}
