//! Chunks with vectors in a thousand tenants of unequal size, on PostgreSQL.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::{
    Installation,
    installation::{DIMENSION, EMBEDDING_MODEL},
};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::sql::{Dialect, Kind};

/// Tenants. The chunks of each are inverse to its place among them, as the sizes of towns are; the first is
/// the one that setup made.
const TENANTS: i64 = 1_000;
/// Chunks of a file.
const OF_FILE: i64 = 100;
/// Words of the language, of which the n-th is used inversely to n, and of a chunk.
const LANGUAGE: f64 = 20_000.0;
const WORDS: (i64, i64) = (50, 30);
/// Groups that the vectors stand in, as texts on the same matters do, and how far they stray from the middle
/// of their group, as a share of its length.
const GROUPS: i64 = 64;
const SPREAD: f64 = 0.9;
/// Words of a question.
const ASKED: (u64, u64) = (5, 8);
/// The indexes that are built at once behind the rows, which takes a fraction of the time that it takes row
/// by row, and the memory for it.
const INDEXES: [&str; 2] = ["ix_chunk_words_search", "ix_chunk_embeddings_384_hnsw"];
const MEMORY: &str = "2GB";

/// How long it took.
pub(super) struct Chunks {
    pub(super) filling: Duration,
    pub(super) indexing: Duration,
}

/// Fills so many chunks in a transaction that begins with these statements.
pub(super) async fn fill(
    connection: &mut PgConnection,
    installation: &Installation,
    begin: &str,
    chunks: i64,
) -> Result<Chunks> {
    let start = Instant::now();
    let mut definitions = Vec::new();
    for index in INDEXES {
        let definition: String = sqlx::query_scalar("SELECT pg_get_indexdef($1::regclass)")
            .bind(index)
            .fetch_one(&mut *connection)
            .await
            .with_context(|| format!("there is no index {index}"))?;
        // Of all partitions, and not of the table that has none of the rows.
        definitions.push(definition.replace(" ON ONLY ", " ON "));
        run(connection, &format!("DROP INDEX {index}")).await?;
    }
    let owner = |field: &str| installation.admin[field]["id"].as_str().context("setup named no owner");
    let statements = [tenants(owner("tenant")?, owner("user")?, chunks), sources(), texts(), vectors()];
    run(connection, begin).await?;
    for statement in &statements {
        run(connection, statement).await?;
    }
    run(connection, "COMMIT").await?;
    let filling = start.elapsed();
    let start = Instant::now();
    run(connection, &format!("SET maintenance_work_mem = '{MEMORY}'")).await?;
    for definition in &definitions {
        run(connection, definition).await?;
    }
    Ok(Chunks { filling, indexing: start.elapsed() })
}

async fn run(connection: &mut PgConnection, statements: &str) -> Result<()> {
    connection.execute(AssertSqlSafe(statements)).await?;
    Ok(())
}

/// How many chunks each tenant has; the first also has what is left by rounding.
fn sizes(chunks: i64) -> Vec<i64> {
    let all: f64 = (1..=TENANTS).map(|place| 1.0 / place as f64).sum();
    let mut sizes: Vec<i64> = (1..=TENANTS).map(|place| (chunks as f64 / place as f64 / all) as i64).collect();
    sizes[0] += chunks - sizes.iter().sum::<i64>();
    sizes
}

/// The tenants with their roles, an owner each, and a collection each. The table `places` says which chunks
/// are whose.
fn tenants(tenant: &str, admin: &str, chunks: i64) -> String {
    let mut first = 0;
    let rows = (1..).zip(sizes(chunks)).map(|(place, count)| {
        let row = format!("({place}::bigint, {first}::bigint, {count}::bigint)");
        first += count;
        row
    });
    let rows: Vec<String> = rows.collect();
    let made = |kind| Dialect::Postgres.id(kind, "place");
    // The numbers of users are far above those of the users with conversations.
    let user = Dialect::Postgres.id(Kind::User, "1000000 + place");
    format!(
        "CREATE TEMP TABLE places ON COMMIT DROP AS SELECT place, first, count, \
           CASE WHEN place = 1 THEN '{tenant}' ELSE {} END AS tenant_id, \
           CASE WHEN place = 1 THEN '{admin}' ELSE {user} END AS user_id, {} AS collection_id \
         FROM (VALUES {}) AS t(place, first, count); \
         INSERT INTO tenants (id, name, slug) \
           SELECT tenant_id, 'Tenant ' || place, 'tenant-' || place FROM places WHERE place > 1; \
         INSERT INTO roles (id, tenant_id, name, description, permissions, is_system) \
           SELECT gen_random_uuid(), p.tenant_id, r.name, r.description, r.permissions, TRUE \
           FROM places p, roles r WHERE r.tenant_id = '{tenant}' AND r.is_system AND p.place > 1; \
         INSERT INTO users (id, tenant_id, email, username, is_active, email_verified) \
           SELECT user_id, tenant_id, 'owner@tenant' || place || '.example.org', 'owner', TRUE, FALSE \
           FROM places WHERE place > 1; \
         INSERT INTO user_roles (id, tenant_id, user_id, role_id, assigned_at) \
           SELECT gen_random_uuid(), p.tenant_id, p.user_id, r.id, now() FROM places p \
           JOIN roles r ON r.tenant_id = p.tenant_id AND r.name = 'tenant_admin' WHERE p.place > 1; \
         INSERT INTO collections (id, tenant_id, user_id, name, visibility, chunking, chunk_count, generation) \
           SELECT collection_id, tenant_id, user_id, 'Handbook', 'private', \
             '{{\"target_tokens\": 512, \"max_tokens\": 800, \"overlap_tokens\": 64}}', count, 1 FROM places;",
        made(Kind::Tenant),
        made(Kind::Collection),
        rows.join(", "),
    )
}

/// The files of each tenant, with one version each. A file has the number of its first chunk.
fn sources() -> String {
    let made = |kind| Dialect::Postgres.id(kind, "f.first");
    let key =
        format!("replace(f.tenant_id::text, '-', '') || '/' || {}", Dialect::Postgres.digits(Kind::File, "f.first"));
    let (source, version) = (made(Kind::Source), made(Kind::Version));
    let files = format!(
        "(SELECT p.tenant_id, p.user_id, p.collection_id, p.first + n.i AS first, \
           least({OF_FILE}, p.count - n.i) AS count, md5(p.first + n.i || 'a') || md5(p.first + n.i || 'b') AS hash \
         FROM places p, generate_series(0, p.count - 1, {OF_FILE}) AS n(i)) AS f"
    );
    format!(
        "INSERT INTO sources (id, tenant_id, collection_id, user_id, name, filename, storage_key, storage_type, \
           mime_type, size_bytes, content_hash, status, processed_at, current_version_id, metadata) \
         SELECT {source}, f.tenant_id, f.collection_id, f.user_id, 'file-' || f.first || '.md', \
           'file-' || f.first || '.md', {key}, 'local', 'text/markdown', 500 * f.count, f.hash, 'processed', now(), \
           {version}, '{{}}' FROM {files}; \
         INSERT INTO source_versions (id, tenant_id, source_id, collection_id, version, status, content_hash, \
           character_count, chunking, chunk_count, embedding_model, embedding_dimension, published_at) \
         SELECT {version}, f.tenant_id, {source}, f.collection_id, 1, 'processed', f.hash, 500 * f.count, \
           '{{\"target_tokens\": 512, \"max_tokens\": 800, \"overlap_tokens\": 64}}', f.count, '{EMBEDDING_MODEL}', \
           {DIMENSION}, now() FROM {files};"
    )
}

/// The chunks and their words.
fn texts() -> String {
    let made = |kind, number: &str| Dialect::Postgres.id(kind, number);
    let file = format!("(p.first + n.i / {OF_FILE} * {OF_FILE})");
    let (least, more) = WORDS;
    // The sub-select names its row, or it would be run once for all.
    let words = format!(
        "(SELECT string_agg({}, ' ') FROM generate_series(1, {least} + (p.first + n.i) % {more}))",
        word("random()")
    );
    format!(
        "INSERT INTO chunks (id, tenant_id, collection_id, source_id, source_version_id, ordinal, content, \
           heading_path, start_offset, end_offset, token_count) \
         SELECT {}, p.tenant_id, p.collection_id, {}, {}, n.i % {OF_FILE}, t.content, \
           to_jsonb(ARRAY['Chapter ' || n.i / {OF_FILE}]), 500 * (n.i % {OF_FILE}), \
           500 * (n.i % {OF_FILE}) + length(t.content), {least} \
         FROM places p, generate_series(0, p.count - 1) AS n(i), LATERAL (SELECT {words} AS content) t; \
         INSERT INTO chunk_words (tenant_id, chunk_id, search) \
         SELECT c.tenant_id, c.id, w.words || array_to_tsvector(ARRAY[ \
           't·' || replace(c.tenant_id::text, '-', ''), 'c·' || replace(c.collection_id::text, '-', '')]) \
         FROM chunks c, LATERAL (SELECT string_agg(DISTINCT '''' || word || '·en'':1', ' ')::tsvector AS words \
           FROM unnest(string_to_array(c.content, ' ')) AS of_content(word)) w;",
        made(Kind::Chunk, "p.first + n.i"),
        made(Kind::Source, &file),
        made(Kind::Version, &file),
    )
}

/// A vector of length 1 for each chunk, near the middle of its group. A vector of numbers between -1 and 1
/// has a length of about √(dimension ÷ 3).
fn vectors() -> String {
    let length = (DIMENSION as f64 / 3.0).sqrt();
    let random = |row: &str, scale: f64| {
        format!(
            "(SELECT array_agg(((random() * 2 - 1) * {scale})::real) FROM generate_series(1, {DIMENSION}) \
             WHERE {row} IS NOT NULL)::halfvec({DIMENSION})"
        )
    };
    format!(
        "CREATE TEMP TABLE middles ON COMMIT DROP AS \
           SELECT i, {} AS middle FROM generate_series(0, {GROUPS} - 1) AS g(i); \
         INSERT INTO chunk_embeddings (tenant_id, collection_id, source_id, source_version_id, chunk_id, model, \
           dimension, embedding) \
         SELECT c.tenant_id, c.collection_id, c.source_id, c.source_version_id, c.id, '{EMBEDDING_MODEL}', \
           {DIMENSION}, l2_normalize(m.middle + {}) \
         FROM chunks c JOIN middles m ON m.i = hashtext(c.id::text) & {GROUPS} - 1;",
        random("i", 1.0 / length),
        random("c.id", SPREAD / length),
    )
}

/// A word of the language, of letters that no rule for English takes off a stem, in SQL, for a random number from 0 to 1 as an expression of SQL.
fn word(random: &str) -> String {
    format!("'wo' || translate(floor(exp({random} * ln({LANGUAGE})))::text, '0123456789', 'bcfhjkmnpq')")
}

/// A question; the same number gives the same.
pub(super) fn question(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x94d0_49bb_1331_11eb;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let (least, more) = ASKED;
    let words = (0..least + number % more).map(|_| {
        let place = (random() * LANGUAGE.ln()).exp().floor().to_string();
        let letters = place.chars().filter_map(|digit| "bcfhjkmnpq".chars().nth(digit.to_digit(10)? as usize));
        format!("wo{}", letters.collect::<String>())
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_chunks_are_shared_out_unequally() {
        for chunks in [10_000, 1_000_000] {
            let sizes = sizes(chunks);
            assert_eq!(sizes.iter().sum::<i64>(), chunks);
            assert!(sizes[0] > 100 * sizes[999] && sizes[999] > 0, "{} and {}", sizes[0], sizes[999]);
        }
    }

    #[test]
    fn questions_have_five_to_twelve_words() {
        let lengths: Vec<usize> = (0..100).map(|number| question(number).split(' ').count()).collect();
        assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&5), Some(&12)));
        assert_eq!(question(7), question(7));
        assert!(question(7).split(' ').all(|word| word.starts_with("wo") && word.len() > 2), "{}", question(7));
    }
}
