//! The words of chunks as the databases' own indexes hold them: FTS5 as a text, PostgreSQL as a `tsvector`.

use std::collections::BTreeMap;

use domain::knowledge::words::Cutter;
use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value, prelude::Uuid},
};

/// Chunks that are read and indexed at once.
const BATCH: u64 = 500;
/// PostgreSQL takes less than 1 MiB of words in a row, with their places. Few chunks come near it.
const MAX_VECTOR_BYTES: usize = 512 * 1024;
/// Most places of one word that PostgreSQL keeps.
const MAX_PLACES: u32 = 255;

/// The token that stands for a tenant in the rows of the index. A dot stands at this place in no word.
#[must_use]
pub fn tenant_token(tenant: Uuid) -> String {
    format!("t·{}", tenant.simple())
}

/// The token that stands for a collection.
#[must_use]
pub fn collection_token(collection: Uuid) -> String {
    format!("c·{}", collection.simple())
}

/// The words of a text as PostgreSQL reads a `tsvector`, with these tokens. Of the places of a word only their number
/// is told, which is what it is ranked by.
#[must_use]
pub fn tsvector(counted: &BTreeMap<String, u32>, tokens: &[String]) -> String {
    let mut written = String::new();
    for token in tokens {
        written.push_str(&format!("'{token}' "));
    }
    for (word, times) in counted {
        if written.len() > MAX_VECTOR_BYTES {
            break;
        }
        written.push_str(&format!("'{word}':1"));
        for place in 2..=Ord::min(*times, MAX_PLACES) {
            written.push_str(&format!(",{place}"));
        }
        written.push(' ');
    }
    written
}

/// The words of a text as FTS5 is given them.
#[must_use]
pub fn fts5_text(cutter: &mut Cutter, parts: &[&str]) -> String {
    let mut written = String::new();
    cutter.each_term(parts, |term| {
        written.push_str(term);
        written.push(' ');
    });
    written
}

/// Row-level security binds the owner as well. For the length of this transaction it does not.
const RLS_NOT_FOR_OWNER: &str = "ALTER TABLE chunks NO FORCE ROW LEVEL SECURITY; \
    ALTER TABLE sources NO FORCE ROW LEVEL SECURITY; ALTER TABLE chunk_words NO FORCE ROW LEVEL SECURITY";
const RLS_FOR_OWNER: &str = "ALTER TABLE chunks FORCE ROW LEVEL SECURITY; \
    ALTER TABLE sources FORCE ROW LEVEL SECURITY; ALTER TABLE chunk_words FORCE ROW LEVEL SECURITY";

/// Cuts the chunks of all current versions by the program's present rule, and puts their words into the empty index.
///
/// Any later migration may call it: what the rule was before matters to nothing but this index.
pub(crate) async fn index_again(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let backend = manager.get_database_backend();
    if backend != DbBackend::Postgres {
        return index_all(connection, backend).await;
    }
    connection.execute_unprepared(RLS_NOT_FOR_OWNER).await?;
    index_all(connection, backend).await?;
    connection.execute_unprepared(RLS_FOR_OWNER).await?;
    Ok(())
}

async fn index_all(connection: &impl ConnectionTrait, backend: DbBackend) -> Result<(), DbErr> {
    let mut cutter = Cutter::default();
    let (mut tenant, mut chunk) = (Uuid::nil(), Uuid::nil());
    loop {
        let sql = "SELECT c.tenant_id, c.id, c.collection_id, CAST(c.heading_path AS text) AS headings, c.content \
            FROM chunks c JOIN sources s ON s.tenant_id = c.tenant_id AND s.id = c.source_id \
            AND s.current_version_id = c.source_version_id \
            WHERE (c.tenant_id, c.id) > ($1, $2) ORDER BY c.tenant_id, c.id LIMIT $3";
        let values: [Value; 3] = [tenant.into(), chunk.into(), BATCH.cast_signed().into()];
        let rows = connection.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        for row in &rows {
            (tenant, chunk) = (row.try_get("", "tenant_id")?, row.try_get("", "id")?);
            index(connection, backend, row, &mut cutter).await?;
        }
        if (rows.len() as u64) < BATCH {
            return Ok(());
        }
    }
}

async fn index(
    connection: &impl ConnectionTrait,
    backend: DbBackend,
    row: &QueryResult,
    cutter: &mut Cutter,
) -> Result<(), DbErr> {
    let (tenant, chunk): (Uuid, Uuid) = (row.try_get("", "tenant_id")?, row.try_get("", "id")?);
    let tokens = [tenant_token(tenant), collection_token(row.try_get("", "collection_id")?)];
    let (headings, content): (String, String) = (row.try_get("", "headings")?, row.try_get("", "content")?);
    let parts = [headings.as_str(), content.as_str()];
    let (sql, values): (&str, Vec<Value>) = if backend == DbBackend::Postgres {
        (
            "INSERT INTO chunk_words (tenant_id, chunk_id, search) VALUES ($1, $2, $3::text::tsvector)",
            vec![tenant.into(), chunk.into(), tsvector(&cutter.counted(&parts), &tokens).into()],
        )
    } else {
        (
            "INSERT INTO chunk_words (rowid, scope, content) SELECT rowid, $3, $4 FROM chunks \
             WHERE tenant_id = $1 AND id = $2",
            vec![tenant.into(), chunk.into(), tokens.join(" ").into(), fts5_text(cutter, &parts).into()],
        )
    };
    connection.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_tells_how_often_and_is_bounded() {
        let counted = BTreeMap::from([("apple·en".to_owned(), 3), ("有效".to_owned(), 1)]);
        let token = tenant_token(Uuid::nil());
        assert_eq!(tsvector(&counted, &[token]), format!("'t·{}' 'apple·en':1,2,3 '有效':1 ", "0".repeat(32)));
        let many: BTreeMap<String, u32> = (0..100_000).map(|number| (format!("w{number}"), 300)).collect();
        assert!(tsvector(&many, &[]).len() < 2 * MAX_VECTOR_BYTES);
    }
}
