//! SQLite as a backend: the contract of all backends, and what is SQLite's own.

#![expect(clippy::unwrap_used, reason = "tests fail by panics")]

mod groups;
mod recall;
mod stored_json;
mod storm;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{clock::SystemClock, store::Store};
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

async fn harness() -> SqliteHarness {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, &SqliteOptions::default()).await;
    SqliteHarness { store, folder }
}

async fn open(folder: &TempDir, options: &SqliteOptions) -> Arc<SqliteStore> {
    let path = folder.path().join("banyan.db");
    Arc::new(SqliteStore::open(&path, options, Arc::new(SystemClock)).await.unwrap())
}

storage_testkit::contract_tests!(harness);
