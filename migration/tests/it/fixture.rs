//! A little of everything: tenants 1 and 2, their users, and what user 11 of tenant 1 has.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::database::{TestDatabase, column};

const ROWS: &str = include_str!("fixture.sql");
const EMBEDDING_ON_POSTGRES: &str = "INSERT INTO chunk_embeddings (tenant_id, collection_id, source_id, \
    source_version_id, chunk_id, model, dimension, embedding) \
    VALUES (#1, #41, #51, #61, #71, 'local/mini', 384, array_fill(0.05::real, ARRAY[384])::halfvec)";
const EMBEDDING_ON_SQLITE: &str = "INSERT INTO chunk_embeddings (tenant_id, collection_id, source_id, \
    source_version_id, chunk_id, model, dimension, embedding) \
    VALUES (#1, #41, #51, #61, #71, 'local/mini', 2, x'0000803f00000000'); \
    INSERT INTO chunk_words (rowid, scope, content) SELECT rowid, 't1 c41', content FROM chunks";

/// Writes SQL out for a database: `#7` is the id number 7, `@now` a time, `@hash1` a hash.
pub(crate) fn write(sql: &str, backend: DbBackend) -> String {
    let sql = (1..4).fold(sql.replace("@now", "'2026-11-21T08:00:00.123456+00:00'"), |sql, number: u8| {
        sql.replace(&format!("@hash{number}"), &format!("'{}'", number.to_string().repeat(64)))
    });
    let mut parts = sql.split('#');
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let hex = format!("{:032x}", part[..digits].parse::<u128>().unwrap());
        written += &if backend == DbBackend::Postgres { format!("'{hex}'") } else { format!("x'{hex}'") };
        written += &part[digits..];
    }
    written
}

/// A tenant's id as PostgreSQL's setting holds it.
pub(crate) fn tenant(number: u8) -> String {
    format!("00000000-0000-0000-0000-{number:012x}")
}

/// Runs SQL in the fixture's notation; returns how many rows it changed.
pub(crate) async fn run(db: &impl ConnectionTrait, sql: &str) -> Result<u64, DbErr> {
    let sql = write(sql, db.get_database_backend());
    Ok(db.execute_unprepared(&sql).await?.rows_affected())
}

/// How many rows a condition holds for.
pub(crate) async fn count(db: &impl ConnectionTrait, rows: &str) -> i64 {
    let sql = write(&format!("SELECT count(*) FROM {rows}"), db.get_database_backend());
    column(db, &sql).await.unwrap()[0]
}

/// Rows of tables that came after the first program was released.
const LATER: &str = "INSERT INTO social_links (id, tenant_id, platform, url)
    VALUES (#91, #1, 'twitter', 'https://x.com/one');
    INSERT INTO usage_folds (tenant_id, closed_before, folded_before) VALUES (#1, @now, NULL);
    INSERT INTO usage_late (tenant_id, log_id, requested_at) VALUES (#1, #121, @now);
    INSERT INTO usage_daily (tenant_id, day, number, user_id, agent_type, provider, model, request_count, input_tokens,
        output_tokens, cost_nano_usd, unknown_cost_count)
    VALUES (#1, @now, 1, #11, 'chat', 'openai', 'gpt-4o', 1, 1, 1, 3, 0)";

/// Fills a migrated database, as its administrator.
pub(crate) async fn fill(database: &TestDatabase) {
    fill_first(database).await;
    run(database.admin(), LATER).await.unwrap();
}

/// The same for a database as the first program left it.
pub(crate) async fn fill_first(database: &TestDatabase) {
    run(database.admin(), &format!("BEGIN; {ROWS} COMMIT")).await.unwrap();
    let embedding = if database.is_postgres() { EMBEDDING_ON_POSTGRES } else { EMBEDDING_ON_SQLITE };
    run(database.admin(), embedding).await.unwrap();
}

/// Asserts that a statement is refused, with a message that holds `reason` (in lower case).
pub(crate) async fn refuse(database: &TestDatabase, sql: &str, reason: &str) {
    let error = run(database.admin(), sql).await.expect_err(sql).to_string();
    assert!(error.to_lowercase().contains(reason), "{sql}: {error}");
}
