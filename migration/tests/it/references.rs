//! Keys do not cross tenants, and deletions take what belongs to what they delete.

use crate::{
    database::TestDatabase,
    fixture::{count, fill, refuse, run, tenant},
};

const FOREIGN_KEY: &str = "foreign key";
const UNIQUE: &str = "unique constraint";

async fn keys_do_not_cross_tenants(database: TestDatabase) {
    fill(&database).await;
    for sql in [
        "UPDATE conversations SET user_id = #11 WHERE id = #23",
        "UPDATE collections SET user_id = #12 WHERE id = #41",
        "UPDATE sources SET user_id = #12 WHERE id = #51",
        "UPDATE streams SET user_id = #12 WHERE id = #81",
        "UPDATE sessions SET user_id = #12 WHERE id = #17",
        "UPDATE refresh_tokens SET user_id = #12 WHERE id = #19",
        "UPDATE api_keys SET user_id = #12 WHERE id = #14",
        "UPDATE user_roles SET user_id = #12 WHERE id = #16",
        "UPDATE user_roles SET assigned_by = #12 WHERE id = #16",
        "INSERT INTO conversation_collections (tenant_id, conversation_id, collection_id) VALUES (#2, #23, #41)",
        "UPDATE conversations SET forked_from_conversation_id = #23 WHERE id = #22",
        "UPDATE conversations SET current_message_id = #31 WHERE id = #23",
        // Within a tenant keys do not cross what they must not either.
        "UPDATE conversations SET current_message_id = #31 WHERE id = #22",
        "UPDATE messages SET active_child_id = #33 WHERE id = #31",
        "UPDATE messages SET active_child_id = #31 WHERE id = #32",
        "UPDATE messages SET edited_from_id = #33 WHERE id = #31",
        "UPDATE sources SET current_version_id = #61 WHERE id = #53",
        "UPDATE source_versions SET collection_id = #42 WHERE id = #61",
        "INSERT INTO chunks (id, tenant_id, collection_id, source_id, source_version_id, ordinal, content, \
         heading_path, start_offset, end_offset, token_count) VALUES (#72, #1, #42, #51, #61, 1, '', '[]', 0, 0, 0)",
        "DELETE FROM messages WHERE id = #31",
    ] {
        refuse(&database, sql, FOREIGN_KEY).await;
    }
    for sql in [
        "UPDATE users SET email = 'ada@one.example' WHERE id = #13",
        "INSERT INTO users (id, email, username, is_active, email_verified) \
         VALUES (#9, 'root@example.com', 'x', true, true)",
        "UPDATE users SET username = 'ada' WHERE id = #13",
        "INSERT INTO users (id, email, username, is_active, email_verified) \
         VALUES (#9, 'x@example.com', 'root', true, true)",
        "UPDATE tenants SET slug = 'one' WHERE id = #2",
        "UPDATE sources SET content_hash = @hash1 WHERE id = #53",
        "INSERT INTO streams (id, tenant_id, conversation_id, message_id, user_id, request_id, state, epoch, \
         lease_expires_at, last_event) VALUES (#82, #1, #21, #32, #11, #92, 'running', 1, @now, 0)",
        "INSERT INTO usage_logs (id, request_id, tenant_id, message_deleted, agent_type, provider, model, \
         input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, total_tokens, is_estimated, \
         requested_at, metadata) VALUES (#122, #91, #1, false, 'chat', '', '', 0, 0, 0, 0, 0, false, @now, '{}')",
    ] {
        refuse(&database, sql, UNIQUE).await;
    }
    // What is unique in a tenant is free in another, and a deleted user's address is free again.
    let admin = database.admin();
    run(admin, "UPDATE users SET username = 'ada' WHERE id = #12").await.unwrap();
    run(admin, "UPDATE users SET email = 'ada@one.example' WHERE id = #12").await.unwrap();
    run(admin, "UPDATE users SET email = 'root@example.com' WHERE id = #12").await.unwrap();
    run(admin, "UPDATE users SET deleted_at = @now WHERE id = #11").await.unwrap();
    run(admin, "UPDATE users SET email = 'ada@one.example' WHERE id = #13").await.unwrap();
    database.remove().await;
}

#[tokio::test]
async fn keys_do_not_cross_tenants_on_sqlite() {
    keys_do_not_cross_tenants(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn keys_do_not_cross_tenants_on_postgres() {
    keys_do_not_cross_tenants(TestDatabase::postgres().await.migrated().await).await;
}

/// Deletes as the application does, or an account as an administrator, and returns what is left.
async fn delete(database: &TestDatabase, sql: &str, left: &[(&str, i64)]) {
    if sql.starts_with("DELETE FROM users") {
        assert_eq!(run(database.admin(), sql).await.unwrap(), 1, "{sql}");
    } else {
        let tx = database.begin_as("banyan_app", &tenant(1)).await;
        assert_eq!(run(&tx, sql).await.unwrap(), 1, "{sql}");
        tx.commit().await.unwrap();
    }
    for (rows, number) in left {
        assert_eq!(count(database.admin(), rows).await, *number, "{rows} after {sql}");
    }
}

async fn deletions_take_what_belongs_to_them(database: TestDatabase) {
    fill(&database).await;
    let gone = [
        ("chunks", 0),
        ("chunk_embeddings", 0),
        ("sources", 2),
        ("source_versions", 0),
        ("jobs", 0),
        ("citations WHERE chunk_id IS NULL AND source_id IS NULL AND source_version_id IS NULL", 1),
    ];
    delete(&database, "DELETE FROM sources WHERE id = #51", &gone).await;
    if !database.is_postgres() {
        assert_eq!(count(database.admin(), "chunk_words").await, 0);
    }
    let gone = [("collections", 1), ("sources", 1), ("conversation_collections", 0)];
    delete(&database, "DELETE FROM collections WHERE id = #41", &gone).await;

    let cleared = [
        ("usage_logs WHERE api_key_id IS NULL AND conversation_id = #21", 1),
        ("streams WHERE api_key_id IS NULL", 1),
        ("provider_calls WHERE api_key_id IS NULL", 1),
    ];
    delete(&database, "DELETE FROM api_keys WHERE id = #14", &cleared).await;

    let gone = [
        ("messages", 1),
        ("messages WHERE forked_from_id IS NULL", 1),
        ("streams", 0),
        ("stream_events", 0),
        ("citations", 0),
        ("conversations WHERE id = #22 AND forked_from_conversation_id IS NULL", 1),
        ("usage_logs WHERE conversation_id IS NULL AND message_id IS NULL AND user_id = #11", 1),
        ("usage_logs WHERE message_deleted", 1),
        ("provider_calls WHERE conversation_id IS NULL AND message_id IS NULL", 1),
        ("retrieval_runs WHERE conversation_id IS NULL AND message_id IS NULL AND user_id = #13", 1),
    ];
    delete(&database, "DELETE FROM conversations WHERE id = #21", &gone).await;
    database.remove().await;
}

#[tokio::test]
async fn deletions_take_what_belongs_to_them_on_sqlite() {
    deletions_take_what_belongs_to_them(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn deletions_take_what_belongs_to_them_on_postgres() {
    deletions_take_what_belongs_to_them(TestDatabase::postgres().await.migrated().await).await;
}

async fn a_user_goes_with_everything_but_the_books(database: TestDatabase) {
    fill(&database).await;
    let left = [
        ("users", 3),
        ("sessions", 1),
        ("refresh_tokens", 1),
        ("api_keys", 0),
        ("user_roles", 0),
        ("conversations", 2),
        ("messages WHERE id = #33 AND user_id IS NULL", 1),
        ("messages", 1),
        ("idempotency_keys", 0),
        // The shared collection and its sources pass to the tenant, what was private is gone.
        ("collections WHERE id = #41 AND user_id IS NULL", 1),
        ("collections", 1),
        ("sources WHERE id = #51 AND user_id IS NULL AND current_version_id = #61", 1),
        ("sources", 1),
        ("chunks", 1),
        ("usage_logs WHERE user_id IS NULL AND api_key_id IS NULL AND message_deleted AND cost_nano_usd = 3", 1),
        ("usage_daily WHERE user_id IS NULL AND cost_nano_usd = 3", 1),
        ("usage_late", 1),
        ("provider_calls WHERE user_id IS NULL", 1),
        ("audit_logs WHERE user_id IS NULL", 1),
        ("jobs WHERE user_id IS NULL", 1),
    ];
    delete(&database, "DELETE FROM users WHERE id = #11", &left).await;

    // A tenant takes everything that is its own, and nothing of the other.
    run(database.admin(), "DELETE FROM tenants WHERE id = #1").await.unwrap();
    for table in [
        "roles",
        "collections",
        "sources",
        "source_versions",
        "chunks",
        "chunk_embeddings",
        "messages",
        "streams",
        "retrieval_runs",
        "usage_logs",
        "usage_folds",
        "usage_late",
        "usage_daily",
        "provider_calls",
        "jobs",
    ] {
        assert_eq!(count(database.admin(), table).await, 0, "{table}");
    }
    for (rows, number) in [("tenants", 1), ("users", 2), ("conversations", 1), ("audit_logs", 1)] {
        assert_eq!(count(database.admin(), rows).await, number, "{rows}");
    }
    // Superadmins act too: they go, and leave null.
    let act = "INSERT INTO audit_logs (id, superadmin_id, action, entity_type) VALUES (#139, #10, 'x', 'x')";
    run(database.admin(), act).await.unwrap();
    run(database.admin(), "DELETE FROM users WHERE id = #10").await.unwrap();
    for (rows, number) in [("sessions", 0), ("refresh_tokens", 0), ("audit_logs WHERE superadmin_id IS NULL", 2)] {
        assert_eq!(count(database.admin(), rows).await, number, "{rows}");
    }
    database.remove().await;
}

#[tokio::test]
async fn a_user_goes_with_everything_but_the_books_on_sqlite() {
    a_user_goes_with_everything_but_the_books(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn a_user_goes_with_everything_but_the_books_on_postgres() {
    a_user_goes_with_everything_but_the_books(TestDatabase::postgres().await.migrated().await).await;
}

/// Deeper than SQLite lets triggers nest (1,000).
const DEPTH: i64 = 3_000;

async fn a_deep_conversation_can_be_deleted(database: TestDatabase) {
    fill(&database).await;
    let (id, before) = (id_of("i", &database), id_of("(i - 1)", &database));
    let chain = format!(
        "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {DEPTH})
         INSERT INTO messages (id, tenant_id, conversation_id, parent_id, seq, role, status, parts, attachments,
            version, is_edited, content_version, irregular, metadata)
         SELECT {id}, #1, #22, CASE WHEN i = 2 THEN {first} ELSE {before} END, i, 'assistant', 'complete', '{{}}',
            '[]', 1, false, 1, false, '{{}}' FROM n",
        first = if database.is_postgres() { "#33::uuid" } else { "#33" },
    );
    run(database.admin(), &chain).await.unwrap();
    assert_eq!(count(database.admin(), "messages WHERE conversation_id = #22").await, DEPTH);
    delete(&database, "DELETE FROM conversations WHERE id = #22", &[("messages", 2)]).await;
    database.remove().await;
}

/// An id made of a number, in SQL.
fn id_of(number: &str, database: &TestDatabase) -> String {
    if database.is_postgres() {
        format!("('ffffffff-0000-0000-0000-' || lpad({number}::text, 12, '0'))::uuid")
    } else {
        format!("CAST(printf('%016d', {number}) AS BLOB)")
    }
}

#[tokio::test]
async fn a_deep_conversation_can_be_deleted_on_sqlite() {
    a_deep_conversation_can_be_deleted(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn a_deep_conversation_can_be_deleted_on_postgres() {
    a_deep_conversation_can_be_deleted(TestDatabase::postgres().await.migrated().await).await;
}
