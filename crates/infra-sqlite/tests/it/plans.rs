//! Plans that must not read what grows with use.

use sqlx::{Connection, Row, SqliteConnection};

use crate::{harness, system_clock};

#[tokio::test]
async fn what_runs_is_counted_among_what_runs() {
    let harness = harness(system_clock()).await;
    let file = harness.folder.path().join("banyan.db");
    let mut connection = SqliteConnection::connect(&file.to_string_lossy()).await.unwrap();
    // As `SqlRepos::running_streams_of` asks it.
    let count = "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM streams WHERE state = 'running' AND tenant_id = $1 \
                 AND user_id = $2 AND api_key_id IS $3";
    let plan = sqlx::query(count).fetch_one(&mut connection).await.unwrap().get::<String, _>("detail");
    assert!(plan.contains("ix_streams_running_user"), "{plan}");
}
