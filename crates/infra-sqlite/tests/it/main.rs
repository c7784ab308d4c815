//! SQLite as a backend: the contract of all backends, and what is SQLite's own.

#![expect(clippy::unwrap_used, reason = "tests fail by panics")]

mod groups;
mod kept_sums;
mod plans;
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

/// One whose searches have so many bytes of memory.
async fn harness_with_memory(bytes: u64, clock: Arc<dyn Clock>) -> SqliteHarness {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { words_cache_bytes: bytes, vector_cache_bytes: bytes, ..SqliteOptions::default() };
    let store = open(&folder, &options, clock).await;
    SqliteHarness { store, folder }
}

storage_testkit::contract_tests!(harness);

/// The index as SQLite itself answers, where memory does not.
mod without_memory {
    use super::*;

    async fn harness(clock: Arc<dyn Clock>) -> SqliteHarness {
        harness_with_memory(0, clock).await
    }

    storage_testkit::contract_tests!(harness; chunk_index, chunk_words, index_reach);
}

/// The same where memory has no room for a single collection.
mod without_room {
    use super::*;

    async fn harness(clock: Arc<dyn Clock>) -> SqliteHarness {
        harness_with_memory(1, clock).await
    }

    storage_testkit::contract_tests!(harness; chunk_index, chunk_words, index_reach);
}
