//! PostgreSQL as a backend: the contract of all backends, and what is PostgreSQL's own.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panics")]

mod boot;
mod database;
mod isolation;
mod kept_sums;
mod logins;
mod recall;
mod silence;
mod stored_json;
mod storm;
mod waiting;
mod wakeups;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{clock::Clock, store::Store};
use infra_postgres::PostgresStore;
use storage_testkit::Harness;

use crate::database::TestDatabase;

/// A store on a database of its own.
struct PostgresHarness {
    database: TestDatabase,
    store: Arc<PostgresStore>,
}

#[async_trait]
impl Harness for PostgresHarness {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    async fn close(self) {
        self.store.close();
    }
}

async fn harness(clock: Arc<dyn Clock>) -> PostgresHarness {
    let database = TestDatabase::create().await;
    let store = Arc::new(database.store_by(clock).await);
    PostgresHarness { database, store }
}

async fn harness_without_memory(clock: Arc<dyn Clock>) -> PostgresHarness {
    let database = TestDatabase::create().await;
    let store = Arc::new(database.store_without_memory(clock).await);
    PostgresHarness { database, store }
}

storage_testkit::contract_tests!(harness);

/// The index as PostgreSQL itself answers, where memory does not.
mod without_memory {
    use super::harness_without_memory as harness;

    storage_testkit::contract_tests!(harness; chunk_index, chunk_words, index_reach);
}
