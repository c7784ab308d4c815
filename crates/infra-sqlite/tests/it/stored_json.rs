//! What other versions of the program have stored is read.

#[path = "../../../../tests/stored_json/rows.rs"]
mod rows;

use std::sync::Arc;

use domain::clock::SystemClock;
use sqlx::{AssertSqlSafe, Connection, Executor, SqliteConnection};
use storage_testkit::{Harness, World};

use crate::{SqliteHarness, harness};

/// The file of a store, by a connection beside it.
struct File(SqliteHarness);

impl rows::Database for File {
    async fn run(&self, sql: String) {
        let file = self.0.folder.path().join("banyan.db");
        let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        connection.execute(AssertSqlSafe(sql)).await.unwrap();
        connection.close().await.unwrap();
    }

    fn bytes(&self, hex: &str) -> String {
        format!("x'{hex}'")
    }
}

async fn on_sqlite() -> (World, File) {
    let harness = harness(Arc::new(SystemClock)).await;
    (World::new(harness.store()), File(harness))
}

#[tokio::test]
async fn roles_are_read() {
    let (world, database) = on_sqlite().await;
    rows::roles_are_read(world, database).await;
}

#[tokio::test]
async fn scopes_of_keys_are_read() {
    let (world, database) = on_sqlite().await;
    rows::scopes_of_keys_are_read(world, database).await;
}

#[tokio::test]
async fn knowledge_is_read() {
    let (world, database) = on_sqlite().await;
    rows::knowledge_is_read(world, database).await;
}

#[tokio::test]
async fn conversations_are_read() {
    let (world, database) = on_sqlite().await;
    rows::conversations_are_read(world, database).await;
}

#[tokio::test]
async fn administration_is_read() {
    let (world, database) = on_sqlite().await;
    rows::administration_is_read(world, database).await;
}
