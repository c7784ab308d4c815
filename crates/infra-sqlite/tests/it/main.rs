//! SQLite as a backend: the contract of all backends, and what is SQLite's own.

#![expect(clippy::unwrap_used, reason = "tests fail by panics")]

mod groups;
mod kept_sums;
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

storage_testkit::contract_tests!(harness);
