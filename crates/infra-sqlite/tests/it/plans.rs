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

#[tokio::test]
async fn a_branch_is_read_by_the_ids_of_its_walk() {
    let harness = harness(system_clock()).await;
    let file = harness.folder.path().join("banyan.db");
    let mut connection = SqliteConnection::connect(&file.to_string_lossy()).await.unwrap();
    // As `SqlRepos::branch_query` asks it.
    let branch = "EXPLAIN QUERY PLAN WITH RECURSIVE p AS (SELECT 1 AS depth, m.id, m.parent_id FROM messages m \
                  WHERE m.tenant_id = $1 AND m.id = $2 UNION ALL SELECT p.depth + 1, m.id, m.parent_id FROM p \
                  JOIN messages m ON m.tenant_id = $1 AND m.id = p.parent_id WHERE p.depth < $3) \
                  SELECT m.* FROM p CROSS JOIN messages m WHERE m.tenant_id = $1 AND m.id = p.id \
                  ORDER BY p.depth DESC LIMIT $3 + 0";
    let rows = sqlx::query(branch).fetch_all(&mut connection).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    let reads: Vec<&String> = plan.iter().filter(|step| step.starts_with("SEARCH m")).collect();
    assert_eq!(reads.len(), 3, "{plan:?}");
    assert!(reads.iter().all(|step| step.contains("tenant_id=? AND id=?")), "{plan:?}");
}
