//! The chunks of a version, for the database's own index of words.

use domain::{access::TenantScope, ids::SourceVersionId, store::StoreError};
use sea_orm::{ConnectionTrait, prelude::Uuid};

use crate::{error::store_error, sql::Sql};

/// Chunks that are read at once.
const BATCH: i64 = 500;

/// A chunk whose words are to be indexed.
#[derive(Debug, Clone)]
pub struct UnindexedChunk {
    /// Its id.
    pub id: Uuid,
    /// Its collection.
    pub collection_id: Uuid,
    /// The headings above it, as JSON.
    pub headings: String,
    /// Its text.
    pub content: String,
    ordinal: i64,
}

/// The next chunks of a version behind the one that is given, in their order; none when there are no more.
///
/// # Errors
/// Those of the database.
pub async fn chunks_to_index<C: ConnectionTrait>(
    connection: &C,
    scope: &TenantScope,
    version: SourceVersionId,
    behind: Option<&UnindexedChunk>,
) -> Result<Vec<UnindexedChunk>, StoreError> {
    let sql = Sql::new("chunk_index.chunks_to_index", "SELECT id, collection_id, ordinal, content,")
        .text(" CAST(heading_path AS text) AS headings FROM chunks WHERE ")
        .of_tenant("tenant_id", scope)
        .text(" AND source_version_id = ")
        .bind(version.0)
        .text(" AND ordinal > ")
        .bind(behind.map_or(-1, |chunk| chunk.ordinal))
        .text(" ORDER BY ordinal LIMIT ")
        .bind(BATCH);
    let statement = sql.statement(connection.get_database_backend());
    let rows = connection.query_all_raw(statement).await.map_err(store_error)?;
    let chunk = |row: &sea_orm::QueryResult| {
        Ok(UnindexedChunk {
            id: row.try_get("", "id")?,
            collection_id: row.try_get("", "collection_id")?,
            headings: row.try_get("", "headings")?,
            content: row.try_get("", "content")?,
            ordinal: row.try_get("", "ordinal")?,
        })
    };
    rows.iter().map(chunk).collect::<Result<_, _>>().map_err(store_error)
}
