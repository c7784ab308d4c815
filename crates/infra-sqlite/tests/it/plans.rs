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

#[tokio::test]
async fn what_was_said_last_is_read_in_the_order_of_one_index() {
    let harness = harness(system_clock()).await;
    let file = harness.folder.path().join("banyan.db");
    let mut connection = SqliteConnection::connect(&file.to_string_lossy()).await.unwrap();
    // As `SqlRepos::latest_query` asks it, and then the siblings.
    let latest = "EXPLAIN QUERY PLAN SELECT m.* FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = \
                  (SELECT m.conversation_id FROM messages m WHERE m.tenant_id = $1 AND m.id = $2) AND m.seq <= \
                  (SELECT m.seq FROM messages m WHERE m.tenant_id = $1 AND m.id = $2) AND m.deleted_at IS NULL \
                  ORDER BY m.seq DESC LIMIT $3 + 0";
    let siblings = "EXPLAIN QUERY PLAN SELECT m.id FROM messages m WHERE m.tenant_id = $1 AND m.parent_id IN \
                    (SELECT v.parent_id FROM messages v WHERE v.tenant_id = $1 AND v.conversation_id = $2 \
                    AND v.version > 1 AND v.parent_id IN ($3, $4)) AND m.deleted_at IS NULL";
    let mut plan = async |query: &'static str| -> Vec<String> {
        let rows = sqlx::query(query).fetch_all(&mut connection).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    };
    let latest = plan(latest).await;
    assert!(latest[0].contains("tenant_id=? AND conversation_id=? AND seq<?"), "{latest:?}");
    assert!(!latest.iter().any(|step| step.contains("TEMP B-TREE")), "{latest:?}");
    let siblings = plan(siblings).await;
    assert!(siblings.iter().any(|step| step.contains("ix_messages_versions")), "{siblings:?}");
    assert!(siblings.iter().any(|step| step.contains("ix_messages_parent")), "{siblings:?}");
}
