//! Row-level security, the look-ups before a tenant is known, and full text under both.

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr};

use crate::{
    database::{TestDatabase, column},
    fixture::{count, fill, run, tenant, write},
};

async fn filled() -> TestDatabase {
    let database = TestDatabase::postgres().await.migrated().await;
    fill(&database).await;
    database
}

#[tokio::test]
async fn the_application_sees_one_tenant_and_without_one_nothing() {
    let database = filled().await;
    let tables = "SELECT table_name::text FROM information_schema.columns WHERE table_schema = 'public'
        AND column_name = 'tenant_id' AND table_name NOT LIKE 'chunk_embeddings_%'";
    let tables: Vec<String> = column(database.admin(), tables).await.unwrap();
    assert!(tables.len() > 20);
    for (context, own) in [(tenant(1), 1), (tenant(2), 2), (String::new(), 3)] {
        let tx = database.begin_as("banyan_app", &context).await;
        for table in &tables {
            // The predicate is left out, as a careless query would.
            let strangers = format!("{table} WHERE tenant_id IS DISTINCT FROM #{own}");
            assert_eq!(count(&tx, &strangers).await, 0, "{table} in the context '{context}'");
        }
        assert_eq!(count(&tx, "tenants").await, i64::from(own < 3));
        assert_eq!(count(&tx, "usage_logs").await, i64::from(own == 1));
        tx.rollback().await.unwrap();
    }
    let tx = database.begin_as("banyan_jobs", "").await;
    // Across tenants the leases of all, and of people and their acts those that belong to no tenant.
    for (rows, number) in [("tenants", 2), ("users", 1), ("sessions", 1), ("jobs", 1), ("audit_logs", 1)] {
        assert_eq!(count(&tx, rows).await, number, "{rows}");
    }
    tx.rollback().await.unwrap();
    for text in [
        "password_hash FROM users",
        "content FROM chunks",
        "title FROM conversations",
        "data FROM stream_events",
        "key_hash FROM api_keys",
        "answer_body FROM idempotency_keys",
        "* FROM messages",
        "* FROM streams",
    ] {
        let tx = database.begin_as("banyan_jobs", "").await;
        let error = run(&tx, &format!("SELECT {text}")).await.expect_err(text).to_string();
        assert!(error.contains("permission denied"), "{text}: {error}");
    }
    database.remove().await;
}

#[tokio::test]
async fn the_application_writes_only_to_its_tenant() {
    let database = filled().await;
    let audit = "INSERT INTO audit_logs (id, tenant_id, action, entity_type) VALUES";
    for sql in [
        format!("{audit} (#133, #2, 'x', 'x')"),
        format!("{audit} (#133, NULL, 'x', 'x')"),
        "UPDATE conversations SET tenant_id = #2 WHERE id = #22".to_owned(),
        "INSERT INTO tenants (id, name, slug) VALUES (#3, 'Three', 'three')".to_owned(),
    ] {
        let tx = database.begin_as("banyan_app", &tenant(1)).await;
        let error = run(&tx, &sql).await.expect_err(&sql).to_string();
        assert!(error.contains("row-level security"), "{sql}: {error}");
    }
    for sql in [
        "TRUNCATE messages",
        "UPDATE usage_logs SET model = ''",
        "DELETE FROM audit_logs",
        "DELETE FROM seaql_migrations",
    ] {
        let tx = database.begin_as("banyan_app", &tenant(1)).await;
        let error = run(&tx, sql).await.expect_err(sql).to_string();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    }
    let tx = database.begin_as("banyan_app", &tenant(3)).await;
    run(&tx, "INSERT INTO tenants (id, name, slug) VALUES (#3, 'Three', 'three')").await.unwrap();
    run(&tx, &format!("{audit} (#133, #3, 'tenant_created', 'tenant')")).await.unwrap();
    assert_eq!(run(&tx, "UPDATE messages SET model = 'x'").await.unwrap(), 0, "rows of another tenant");
    tx.commit().await.unwrap();
    database.remove().await;
}

const FIELDS: &str = "SELECT array_to_string(ARRAY(SELECT value FROM json_each_text(row_to_json(r))), ' ')";

/// What a look-up returns: its fields in order, nulls left out.
async fn look_up(tx: &DatabaseTransaction, call: &str) -> Result<Vec<String>, DbErr> {
    column(tx, &write(&format!("{FIELDS} FROM {call} r"), tx.get_database_backend())).await
}

#[tokio::test]
async fn sign_in_finds_living_accounts_and_owners_of_tokens() {
    let database = filled().await;
    let [ada, bob, root] = [(11, 1), (12, 2), (10, 0)].map(|(user, home)| {
        let id = |number: u8| tenant(number);
        if home == 0 { id(user) } else { format!("{} {}", id(user), id(home)) }
    });
    let tx = database.begin_as("banyan_app", "").await;
    let cases = [
        ("sign_in_account_by_email('ada@one.example', NULL)", Some(format!("{ada} $salt of ada$"))),
        ("sign_in_account_by_email('root@example.com', NULL)", Some(format!("{root} $salt of root$"))),
        ("sign_in_account_by_email('nobody@one.example', NULL)", None),
        ("sign_in_account_by_email('ada@one.example', 'one')", Some(format!("{ada} $salt of ada$"))),
        ("sign_in_account_by_email('ada@one.example', 'two')", None),
        ("sign_in_account_by_email('root@example.com', 'one')", None),
        ("sign_in_account_by_username('bob', 'two')", Some(format!("{bob} $salt of bob$"))),
        ("sign_in_account_by_username('bob', 'one')", None),
        ("sign_in_account_by_username('bob', NULL)", None),
        ("(SELECT sign_in_has_password(#11, '$salt of ada$hash of ada'))", Some("true".to_owned())),
        ("(SELECT sign_in_has_password(#11, '$salt of ada$'))", Some("false".to_owned())),
        ("(SELECT sign_in_has_password(#12, '$salt of ada$hash of ada'))", Some("false".to_owned())),
        ("sign_in_refresh_token(@hash1)", Some(format!("{} {ada}", tenant(19)))),
        ("sign_in_refresh_token(@hash2)", Some(format!("{} {root}", tenant(20)))),
        ("sign_in_refresh_token(@hash3)", None),
        ("sign_in_api_key(@hash3)", Some(format!("{} {ada}", tenant(14)))),
    ];
    for (call, answer) in cases {
        assert_eq!(look_up(&tx, call).await.unwrap(), answer.into_iter().collect::<Vec<_>>(), "{call}");
    }
    tx.rollback().await.unwrap();
    // Once a tenant is set, and for work across tenants, they are closed.
    for (role, context) in [("banyan_app", tenant(1)), ("banyan_jobs", String::new())] {
        let calls =
            ["account_by_email('ada@one.example', NULL)", "account_by_username('ada', 'one')", "refresh_token(@hash1)"];
        for call in calls.into_iter().chain(["has_password(#11, 'x')", "api_key(@hash3)"]) {
            let tx = database.begin_as(role, &context).await;
            let error = look_up(&tx, &format!("(SELECT * FROM sign_in_{call})")).await.expect_err(call).to_string();
            assert!(error.contains("permission denied") || error.contains("are closed"), "{call}: {error}");
        }
    }

    run(database.admin(), "UPDATE users SET deleted_at = @now WHERE id = #11").await.unwrap();
    run(database.admin(), "UPDATE users SET is_active = false WHERE id = #13").await.unwrap();
    run(database.admin(), "DELETE FROM tenants WHERE id = #2").await.unwrap();
    run(database.admin(), "UPDATE users SET username = 'ada' || username WHERE id = #11").await.unwrap();
    let tx = database.begin_as("banyan_app", "").await;
    for call in [
        "sign_in_account_by_email('ada@one.example', NULL)",
        "sign_in_account_by_email('eve@one.example', NULL)",
        "sign_in_account_by_username('adaada', 'one')",
        "sign_in_account_by_username('eve', NULL)",
    ] {
        assert_eq!(look_up(&tx, call).await.unwrap(), Vec::<String>::new(), "{call}");
    }
    tx.rollback().await.unwrap();
    run(database.admin(), "UPDATE users SET is_active = true WHERE id = #13").await.unwrap();
    let tx = database.begin_as("banyan_app", "").await;
    // In the only tenant there is, no slug is needed.
    assert_eq!(look_up(&tx, "sign_in_account_by_username('eve', NULL)").await.unwrap().len(), 1);
    tx.rollback().await.unwrap();

    // The login itself, without a role, may not even ask.
    let call = "sign_in_account_by_email('eve@one.example', NULL)";
    let plain = database.begin_as("banyan_migration_tests", "").await;
    assert!(look_up(&plain, call).await.unwrap_err().to_string().contains("permission denied"));
    plain.rollback().await.unwrap();
    database.remove().await;
}

/// The plan of a query, in one line.
async fn plan(tx: &DatabaseTransaction, query: &str) -> String {
    let sql = write(&format!("EXPLAIN {query}"), tx.get_database_backend());
    column::<String>(tx, &sql).await.unwrap().join("\n")
}

#[tokio::test]
async fn indexes_are_used_under_row_level_security() {
    let database = filled().await;
    let more = "INSERT INTO chunks (id, tenant_id, collection_id, source_id, source_version_id, ordinal, content,
        heading_path, start_offset, end_offset, token_count)
        SELECT gen_random_uuid(), #1, #41, #51, #61, i, 'number ' || i, '[]', 0, 0, 2 FROM generate_series(1, 3000) i";
    run(database.admin(), more).await.unwrap();
    let words = "INSERT INTO chunk_words (tenant_id, chunk_id, search)
        SELECT tenant_id, id, array_to_tsvector(string_to_array(content, ' ')) FROM chunks";
    run(database.admin(), words).await.unwrap();
    run(database.admin(), "ANALYZE chunk_words").await.unwrap();
    let tx = database.begin_as("banyan_app", &tenant(1)).await;
    tx.execute_unprepared("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off").await.unwrap();
    let lexical = "SELECT chunk_id FROM chunk_words WHERE search @@ '7 | x'::tsquery";
    assert!(plan(&tx, lexical).await.contains("ix_chunk_words_search"), "{}", plan(&tx, lexical).await);

    let nearest = "SELECT chunk_id FROM chunk_embeddings WHERE dimension = 384 AND tenant_id = #1
        ORDER BY embedding::halfvec(384) <=> array_fill(0.05::real, ARRAY[384])::halfvec(384) LIMIT 5";
    let plan = plan(&tx, nearest).await;
    assert!(plan.contains("hnsw") || plan.contains("halfvec_idx") || plan.contains("embedding_idx"), "{plan}");
    assert_eq!(plan.matches("chunk_embeddings_384_").count(), plan.matches("chunk_embeddings_").count(), "{plan}");
    tx.rollback().await.unwrap();

    // Other lengths are kept too, and a vector has the length that its row says.
    let embed = |dimension: u32, length: u32| {
        format!(
            "INSERT INTO chunk_embeddings (tenant_id, collection_id, source_id, source_version_id, chunk_id, model, \
             dimension, embedding) VALUES (#1, #41, #51, #61, #71, 'm', {dimension}, \
             array_fill(0.5::real, ARRAY[{length}])::halfvec)"
        )
    };
    for dimension in [7, 512, 768, 1024, 1536, 3072, 8000] {
        run(database.admin(), &embed(dimension, dimension)).await.unwrap();
    }
    assert!(run(database.admin(), &embed(384, 512)).await.unwrap_err().to_string().contains("check constraint"));
    database.remove().await;
}
