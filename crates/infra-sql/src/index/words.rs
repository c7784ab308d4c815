//! Words in memory: for each collection an inverted index of its current chunks, from which a question is
//! answered by BM25 in some ten microseconds. A chunk takes about a kibibyte.

mod collection;
mod published;
mod rank;
mod segment;

use std::collections::HashSet;

use domain::{gateways::IndexHit, knowledge::words, store::StoreError};
use sea_orm::{ConnectionTrait, QueryResult, prelude::Uuid};

pub(super) use self::collection::CollectionWords;
pub use self::published::{UnindexedChunk, chunks_to_index};
use self::segment::Builder;
use super::{
    IndexMemory,
    best::Scored,
    kept::busy,
    snapshot::{IndexQuestion, Snapshot},
};
use crate::{error::store_error, readable::Reached, sql::Sql};

/// Chunks in reach up to which questions are answered from memory.
const MAX_CHUNKS: i64 = 200_000;

/// The chunks of these collections that hold any word of a text; `None`: it is left to the database's own
/// index.
///
/// # Errors
/// Those of the database.
pub async fn search<C: ConnectionTrait>(
    connection: &C,
    memory: &IndexMemory,
    question: IndexQuestion<'_>,
    text: &str,
    reached: &[Reached],
) -> Result<Option<Vec<IndexHit>>, StoreError> {
    let words = words::of_question(text);
    if words.is_empty() || question.limit == 0 {
        return Ok(Some(Vec::new()));
    }
    if reached.iter().map(|reached| reached.chunk_count).sum::<i64>() > MAX_CHUNKS {
        return Ok(None);
    }
    let snapshot = Snapshot { connection, question };
    let load = |builder, versions| load(&snapshot, builder, versions);
    let Some(collections) = memory.words.of(&snapshot, &(), reached, load).await? else { return Ok(None) };
    let rank = |allowed: Option<&HashSet<Uuid>>| {
        let views: Vec<_> = collections.iter().flat_map(|words| words.views(allowed)).collect();
        rank::rank(&views, &words, question.limit as usize)
    };
    let (hits, are_all) = checked(&snapshot, rank(None)).await?;
    if are_all {
        return Ok(Some(hits));
    }
    let allowed = snapshot.readable_versions().await?;
    Ok(Some(checked(&snapshot, rank(Some(&allowed))).await?.0))
}

/// Those that may be read, and whether all may.
async fn checked<C: ConnectionTrait>(
    snapshot: &Snapshot<'_, C>,
    ranked: Vec<Scored>,
) -> Result<(Vec<IndexHit>, bool), StoreError> {
    if ranked.is_empty() {
        return Ok((Vec::new(), true));
    }
    let found = snapshot.readable_chunks(&ranked.iter().map(|scored| scored.chunk).collect::<Vec<_>>()).await?;
    let are_all = found.len() == ranked.len();
    let hits = ranked.into_iter().filter(|scored| found.contains(&scored.chunk)).map(IndexHit::from);
    Ok((hits.collect(), are_all))
}

/// Reads the chunks of some versions, and cuts them into words.
async fn load<C: ConnectionTrait>(
    snapshot: &Snapshot<'_, C>,
    mut builder: Builder,
    versions: Vec<Uuid>,
) -> Result<Builder, StoreError> {
    let sql = Sql::new("chunk_index.load_words", "SELECT id, source_version_id, content,")
        .text(" CAST(heading_path AS text) AS headings FROM chunks WHERE ")
        .of_tenant("tenant_id", snapshot.question.scope)
        .text(" AND source_version_id IN ")
        .bind_list(versions.iter().copied())
        .text(" ORDER BY source_version_id");
    let rows = snapshot.rows(sql).await?;
    busy(move || add(&mut builder, versions, &rows).map(|()| builder)).await?
}

/// Adds versions with their chunks, which stand in a row.
fn add(builder: &mut Builder, versions: Vec<Uuid>, rows: &[QueryResult]) -> Result<(), StoreError> {
    let mut empty: HashSet<Uuid> = versions.into_iter().collect();
    for row in rows {
        let version: Uuid = row.try_get("", "source_version_id").map_err(store_error)?;
        if empty.remove(&version) {
            builder.add_version(version);
        }
        let id = row.try_get("", "id").map_err(store_error)?;
        let headings: String = row.try_get("", "headings").map_err(store_error)?;
        let content: String = row.try_get("", "content").map_err(store_error)?;
        builder.add_chunk(id, &[&headings, &content]);
    }
    empty.into_iter().for_each(|version| builder.add_version(version));
    Ok(())
}
