//! What other versions of the program have stored is read.

#[path = "../../../../tests/stored_json/rows.rs"]
mod rows;

use std::sync::Arc;

use domain::clock::SystemClock;
use storage_testkit::{Harness, World};

use crate::{PostgresHarness, database::run, harness};

/// The database of a store, as its superuser.
struct Superuser(PostgresHarness);

impl rows::Database for Superuser {
    async fn run(&self, sql: String) {
        run(&mut self.0.database.superuser().await, sql).await;
    }

    fn bytes(&self, hex: &str) -> String {
        format!("'\\x{hex}'")
    }
}

async fn on_postgres() -> (World, Superuser) {
    let harness = harness(Arc::new(SystemClock)).await;
    (World::new(harness.store()), Superuser(harness))
}

#[tokio::test]
async fn roles_are_read() {
    let (world, database) = on_postgres().await;
    rows::roles_are_read(world, database).await;
}

#[tokio::test]
async fn scopes_of_keys_are_read() {
    let (world, database) = on_postgres().await;
    rows::scopes_of_keys_are_read(world, database).await;
}

#[tokio::test]
async fn knowledge_is_read() {
    let (world, database) = on_postgres().await;
    rows::knowledge_is_read(world, database).await;
}

#[tokio::test]
async fn conversations_are_read() {
    let (world, database) = on_postgres().await;
    rows::conversations_are_read(world, database).await;
}

#[tokio::test]
async fn administration_is_read() {
    let (world, database) = on_postgres().await;
    rows::administration_is_read(world, database).await;
}
