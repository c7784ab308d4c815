//! Steps that the triggers allow, and those that they refuse.

use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::{
    database::{TestDatabase, column},
    fixture::{fill, refuse, run},
};

const MESSAGE: &[&str] = &["pending", "streaming", "complete", "stopped", "error", "interrupted"];
const PROCESSING: &[&str] = &["uploaded", "processing", "processed", "error"];

fn message_may_become(from: &str, to: &str) -> bool {
    match from {
        "pending" => true,
        "streaming" => to != "pending",
        _ => false,
    }
}

fn source_may_become(from: &str, to: &str) -> bool {
    matches!((from, to), ("uploaded" | "error", "processing") | ("processing", "processed" | "error"))
}

/// Tries every pair of states of a table on a row that is set back in between.
async fn try_steps(database: &TestDatabase, table: &str, id: &str, states: &[&str], may: fn(&str, &str) -> bool) {
    let trigger = format!("{table}_status_step");
    for (from, to) in states.iter().flat_map(|from| states.iter().map(move |to| (*from, *to))) {
        // A state is set by taking the rule away for a moment.
        set_aside(database, table, &trigger, &format!("UPDATE {table} SET status = '{from}' WHERE id = {id}")).await;
        let step = format!("UPDATE {table} SET status = '{to}' WHERE id = {id}");
        if from == to || may(from, to) {
            assert_eq!(run(database.admin(), &step).await.unwrap(), 1, "{table}: {from} to {to}");
        } else {
            refuse(database, &step, if database.is_postgres() { "may not go from" } else { "may not take this step" })
                .await;
        }
    }
}

/// Runs a statement without a trigger.
async fn set_aside(database: &TestDatabase, table: &str, trigger: &str, sql: &str) {
    let admin = database.admin();
    if database.is_postgres() {
        run(admin, &format!("ALTER TABLE {table} DISABLE TRIGGER {trigger}")).await.unwrap();
        run(admin, sql).await.unwrap();
        run(admin, &format!("ALTER TABLE {table} ENABLE TRIGGER {trigger}")).await.unwrap();
    } else {
        let find = format!("SELECT sql FROM sqlite_schema WHERE name = '{trigger}'");
        let text: Vec<String> = column(admin, &find).await.unwrap();
        admin.execute_unprepared(&format!("DROP TRIGGER {trigger}")).await.unwrap();
        run(admin, sql).await.unwrap();
        admin.execute_unprepared(&text[0]).await.unwrap();
    }
}

async fn only_allowed_steps_are_taken(database: TestDatabase) {
    fill(&database).await;
    try_steps(&database, "messages", "#32", MESSAGE, message_may_become).await;
    try_steps(&database, "sources", "#51", PROCESSING, source_may_become).await;
    try_steps(&database, "source_versions", "#61", PROCESSING, source_may_become).await;

    for sql in [
        "UPDATE messages SET parent_id = NULL WHERE id = #32",
        "UPDATE messages SET parent_id = #32 WHERE id = #31",
        "UPDATE messages SET seq = 9 WHERE id = #32",
        "UPDATE messages SET conversation_id = #22 WHERE id = #31",
    ] {
        refuse(&database, sql, "the parent and seq of a message never change").await;
    }
    let insert = "INSERT INTO messages (id, tenant_id, conversation_id, parent_id, seq, role, status, parts, \
        attachments, version, is_edited, content_version, irregular, metadata) VALUES ";
    let early = "(#34, #1, #21, #32, 0, 'user', 'complete', '{}', '[]', 1, false, 1, false, '{}')";
    refuse(&database, &format!("{insert}{early}"), "must be greater than its parent's").await;
    let root = "(#34, #1, #21, NULL, 0, 'user', 'complete', '{}', '[]', 1, false, 1, false, '{}')";
    refuse(&database, &format!("{insert}{root}"), "check constraint").await;
    // A parent and its child in one statement, the child not after its parent.
    let both = "(#34, #1, #21, #32, 5, 'user', 'complete', '{}', '[]', 1, false, 1, false, '{}'), \
        (#35, #1, #21, #34, 4, 'assistant', 'complete', '{}', '[]', 1, false, 1, false, '{}')";
    refuse(&database, &format!("{insert}{both}"), "must be greater than its parent's").await;
    // I6: an answer without a question, instructions inside, and two questions in one statement.
    for rows in [
        "(#34, #1, #21, NULL, 8, 'assistant', 'complete', '{}', '[]', 1, false, 1, false, '{}')",
        "(#34, #1, #21, #32, 8, 'system', 'complete', '{}', '[]', 1, false, 1, false, '{}')",
        "(#34, #1, #21, NULL, 8, 'user', 'complete', '{}', '[]', 1, false, 1, false, '{}'), \
            (#35, #1, #21, #34, 9, 'user', 'complete', '{}', '[]', 1, false, 1, false, '{}')",
    ] {
        refuse(&database, &format!("{insert}{rows}"), "may not follow its parent").await;
    }

    for sql in [
        "UPDATE usage_logs SET cost_nano_usd = 0, input_cost_nano_usd = 0, output_cost_nano_usd = 0",
        "UPDATE usage_logs SET metadata = '{\"a\": 1}'",
        "UPDATE usage_logs SET user_id = #13",
        "UPDATE usage_logs SET conversation_id = #22",
        "DELETE FROM usage_logs",
        "UPDATE audit_logs SET action = 'x' WHERE id = #131",
        "UPDATE audit_logs SET user_id = #13 WHERE id = #131",
        "DELETE FROM audit_logs WHERE id = #131",
        "DELETE FROM audit_logs WHERE id = #132",
    ] {
        refuse(&database, sql, "is append-only").await;
    }
    for sql in [
        "UPDATE conversations SET visibility = 'shared' WHERE id = #21",
        "UPDATE users SET email = 'Ada@one.example' WHERE id = #11",
        "UPDATE users SET email = 'ada' WHERE id = #11",
        "UPDATE sessions SET token_hash = 'short' WHERE id = #17",
        "UPDATE jobs SET state = 'running' WHERE id = #141",
        "INSERT INTO installation (id) VALUES (2)",
        "UPDATE collections SET parent_id = id WHERE id = #41",
    ] {
        refuse(&database, sql, "check constraint").await;
    }
    database.remove().await;
}

#[tokio::test]
async fn only_allowed_steps_are_taken_on_sqlite() {
    only_allowed_steps_are_taken(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn only_allowed_steps_are_taken_on_postgres() {
    only_allowed_steps_are_taken(TestDatabase::postgres().await.migrated().await).await;
}

async fn updated_at_is_kept(database: TestDatabase) {
    fill(&database).await;
    let admin = database.admin();
    run(admin, "UPDATE users SET updated_at = @now WHERE id = #11").await.unwrap();
    let rows = "SELECT CASE WHEN updated_at = @now THEN 'as given' ELSE 'by trigger' END FROM users WHERE id = #11";
    let told = crate::fixture::write(rows, admin.get_database_backend());
    assert_eq!(column::<String>(admin, &told).await.unwrap(), ["as given"]);
    run(admin, "UPDATE users SET first_name = 'Ada' WHERE id = #11").await.unwrap();
    assert_eq!(column::<String>(admin, &told).await.unwrap(), ["by trigger"]);
    database.remove().await;
}

#[tokio::test]
async fn updated_at_is_kept_on_sqlite() {
    updated_at_is_kept(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn updated_at_is_kept_on_postgres() {
    updated_at_is_kept(TestDatabase::postgres().await.migrated().await).await;
}
