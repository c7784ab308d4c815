//! Nearest vectors from memory: the best by codes, rescored by the database from the stored vectors.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use domain::{gateways::IndexHit, store::StoreError};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, prelude::Uuid};

use super::{
    IndexMemory,
    best::Scored,
    kept::busy,
    matrix::{self, Block, Matrix, Model},
    snapshot::{IndexQuestion, Snapshot},
};
use crate::{error::store_error, readable::Reached, sql::Sql};

/// Chunks in reach up to which the database itself compares all.
const MIN_CHUNKS: i64 = 500;
/// Chunks in reach up to which their codes are compared.
const MAX_CHUNKS: i64 = 50_000;
/// Chunks in reach up to which that is done at once, and not on a thread that may be busy: about 0.2 ms.
const SHORT_SCAN: i64 = 16_000;
/// Best chunks by codes that are rescored, beside half as many again as are wanted. The codes err in the third
/// digit of a score, which swaps neighbours.
const SPARE: usize = 20;

/// What a database has to say about its vectors.
#[async_trait]
pub trait VectorIndex: ConnectionTrait {
    /// A stored vector as this expression of `chunk_embeddings` gives it.
    const EMBEDDING: &'static str;

    /// Reads it, from the column `embedding`.
    ///
    /// # Errors
    /// For a row that cannot be read.
    fn read_embedding(row: &QueryResult) -> Result<Vec<f32>, DbErr>;

    /// The chunks among these that may be read, with their exact scores, the best first.
    ///
    /// # Errors
    /// Those of the database.
    async fn rescore(
        &self,
        question: IndexQuestion<'_>,
        model: &str,
        vector: &[f32],
        chunks: &[Uuid],
    ) -> Result<Vec<IndexHit>, StoreError>;
}

/// The chunks of these collections that are nearest to a vector of a model; `None`: it is left to the
/// database's own index.
///
/// # Errors
/// Those of the database.
pub async fn search<C: VectorIndex>(
    connection: &C,
    memory: &IndexMemory,
    question: IndexQuestion<'_>,
    model: &str,
    vector: &[f32],
    reached: &[Reached],
) -> Result<Option<Vec<IndexHit>>, StoreError> {
    let chunks = reached.iter().map(|reached| reached.chunk_count).sum::<i64>();
    if !(MIN_CHUNKS..=MAX_CHUNKS).contains(&chunks) {
        return Ok(None);
    }
    let snapshot = Snapshot { connection, question };
    let kind = Model { name: model.to_owned(), dimension: vector.len() };
    let load = |blocks, versions| load(&snapshot, &kind, blocks, versions);
    let Some(matrices) = memory.vectors.of(&snapshot, &kind, reached, load).await? else { return Ok(None) };
    let candidates = question.limit as usize * 3 / 2 + SPARE;
    let found = scan(&matrices, None, vector, candidates, chunks).await?;
    let mut hits = rescored(connection, question, model, vector, &found).await?;
    if hits.len() < found.len() {
        let allowed = snapshot.readable_versions().await?;
        let found = scan(&matrices, Some(allowed), vector, candidates, chunks).await?;
        hits = rescored(connection, question, model, vector, &found).await?;
    }
    hits.truncate(question.limit as usize);
    Ok(Some(hits))
}

async fn scan(
    matrices: &[Arc<Matrix>],
    allowed: Option<HashSet<Uuid>>,
    vector: &[f32],
    limit: usize,
    chunks: i64,
) -> Result<Vec<Scored>, StoreError> {
    if chunks <= SHORT_SCAN {
        return Ok(matrix::scan(matrices, allowed.as_ref(), vector, limit));
    }
    let (matrices, vector) = (matrices.to_vec(), vector.to_vec());
    busy(move || matrix::scan(&matrices, allowed.as_ref(), &vector, limit)).await
}

async fn rescored<C: VectorIndex>(
    connection: &C,
    question: IndexQuestion<'_>,
    model: &str,
    vector: &[f32],
    found: &[Scored],
) -> Result<Vec<IndexHit>, StoreError> {
    let chunks: Vec<Uuid> = found.iter().map(|scored| scored.chunk).collect();
    if chunks.is_empty() { Ok(Vec::new()) } else { connection.rescore(question, model, vector, &chunks).await }
}

/// Reads the vectors of some versions; each has its block, be it empty.
async fn load<C: VectorIndex>(
    snapshot: &Snapshot<'_, C>,
    model: &Model,
    mut blocks: HashMap<Uuid, Block>,
    versions: Vec<Uuid>,
) -> Result<HashMap<Uuid, Block>, StoreError> {
    let sql = Sql::new("chunk_index.load_vectors", "SELECT source_version_id, chunk_id, ")
        .text(C::EMBEDDING)
        .text(" AS embedding FROM chunk_embeddings WHERE ")
        .of_tenant("tenant_id", snapshot.question.scope)
        .text(" AND source_version_id IN ")
        .bind_list(versions.iter().copied())
        .text(" AND model = ")
        .bind(model.name.as_str())
        .text(" AND dimension = ")
        .bind(i32::try_from(model.dimension).unwrap_or(i32::MAX));
    let rows = snapshot.rows(sql).await?;
    let add = move || {
        blocks.extend(versions.into_iter().map(|version| (version, Block::default())));
        for row in &rows {
            let version: Uuid = row.try_get("", "source_version_id")?;
            let chunk = row.try_get("", "chunk_id")?;
            blocks.entry(version).or_default().push(chunk, &C::read_embedding(row)?);
        }
        Ok::<_, DbErr>(blocks)
    };
    busy(add).await?.map_err(store_error)
}
