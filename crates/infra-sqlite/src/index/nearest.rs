//! Nearest vectors: from the table where there are few, else from codes in memory, rescored.

use std::{collections::HashSet, sync::Arc};

use domain::{
    access::{Area, Purpose, Reach, TenantScope},
    gateways::{IndexHit, Readable},
    ids::ChunkId,
    store::StoreError,
};
use infra_sql::{Met, Sql, readable, store_error};
use sea_orm::QueryResult;
use uuid::Uuid;

use super::matrix::{self, Best, Block, Matrix, MatrixKey, Scored};
use crate::unit::SqliteUnit;

/// Chunks in reach up to which the table itself is scanned.
const SMALL: i64 = 2_000;
/// Best chunks by codes that are rescored for each one wanted.
const CANDIDATES_PER_HIT: usize = 4;
/// Versions whose vectors are read by one query.
const LOAD_VERSIONS: usize = 16;

/// What is looked for.
pub(super) struct Question<'a> {
    pub(super) scope: &'a TenantScope,
    pub(super) model: &'a str,
    pub(super) vector: &'a [f32],
    pub(super) readable: &'a Readable,
    pub(super) limit: usize,
}

/// The length of a vector as the schema keeps it.
pub(super) fn dimension(vector: &[f32]) -> i64 {
    i64::try_from(vector.len()).unwrap_or(i64::MAX)
}

impl Question<'_> {
    /// Vectors that may be compared with the one looked for, of sources that may be read.
    fn conditions(&self, sql: Sql<Met>) -> Sql<Met> {
        sql.text(" AND e.model = ")
            .bind(self.model)
            .text(" AND e.dimension = ")
            .bind(dimension(self.vector))
            .text(" AND ")
            .then(|sql| readable::source_is_readable(sql, self.scope, self.readable))
    }

    /// Scores stored vectors and keeps the best.
    fn rank(&self, rows: &[QueryResult]) -> Result<Vec<IndexHit>, StoreError> {
        let mut best = Best::new(self.limit);
        for row in rows {
            let (chunk, vector) = stored_vector(row)?;
            best.offer(Scored { chunk, score: matrix::cosine(&vector, self.vector) });
        }
        let hit = |scored: Scored| IndexHit { chunk_id: ChunkId(scored.chunk), score: scored.score };
        Ok(best.into_sorted().into_iter().map(hit).collect())
    }
}

fn stored_vector(row: &QueryResult) -> Result<(Uuid, Vec<f32>), StoreError> {
    let chunk = row.try_get("", "chunk_id").map_err(store_error)?;
    let bytes: Vec<u8> = row.try_get("", "embedding").map_err(store_error)?;
    Ok((chunk, matrix::from_bytes(&bytes)))
}

/// A collection in reach.
struct Found {
    id: Uuid,
    generation: i64,
}

impl SqliteUnit {
    pub(super) async fn nearest_chunks(&self, question: &Question<'_>) -> Result<Vec<IndexHit>, StoreError> {
        let mut chunks = 0;
        let mut collections = Vec::new();
        for row in self.rows(readable::collections(question.scope, question.readable)).await? {
            chunks += row.try_get::<i64>("", "chunk_count").map_err(store_error)?;
            let id = row.try_get("", "id").map_err(store_error)?;
            collections.push(Found { id, generation: row.try_get("", "generation").map_err(store_error)? });
        }
        if chunks < SMALL || self.matrices.is_none() {
            return self.nearest_in_table(question).await;
        }
        let hidden = self.hidden_versions(question, &collections).await?;
        let mut matrices = Vec::with_capacity(collections.len());
        for collection in &collections {
            matrices.push(self.matrix(question, collection).await?);
        }
        let candidates = scan(matrices, hidden, question).await?;
        let hits = self.rescore(question, &candidates).await?;
        if hits.len() < question.limit && candidates.len() > hits.len() {
            // What the codes named is gone or not to be read; the table knows the rest.
            return self.nearest_in_table(question).await;
        }
        Ok(hits)
    }

    /// Compares every vector in reach, from the table.
    async fn nearest_in_table(&self, question: &Question<'_>) -> Result<Vec<IndexHit>, StoreError> {
        let sql = Sql::new("chunk_index.nearest", "SELECT e.chunk_id, e.embedding FROM sources s")
            .text(" CROSS JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id")
            .text(" CROSS JOIN chunk_embeddings e ON e.tenant_id = s.tenant_id AND e.source_id = s.id")
            .text(" AND e.source_version_id = s.current_version_id WHERE ")
            .of_tenant("e.tenant_id", question.scope);
        question.rank(&self.rows(question.conditions(sql)).await?)
    }

    /// The candidates that may be read, with their exact scores.
    async fn rescore(&self, question: &Question<'_>, candidates: &[Scored]) -> Result<Vec<IndexHit>, StoreError> {
        let sql = Sql::new("chunk_index.nearest", "SELECT e.chunk_id, e.embedding FROM chunk_embeddings e")
            .text(" CROSS JOIN sources s ON s.tenant_id = e.tenant_id AND s.id = e.source_id")
            .text(" AND s.current_version_id = e.source_version_id")
            .text(" CROSS JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id")
            .text(" WHERE ")
            .of_tenant("e.tenant_id", question.scope)
            .text(" AND e.chunk_id IN ")
            .bind_list(candidates.iter().map(|candidate| candidate.chunk));
        question.rank(&self.rows(question.conditions(sql)).await?)
    }

    /// Current versions in these collections that the scope may not read. The codes leave them out,
    /// so that they take no place among the best; that none is returned is `rescore`'s work.
    async fn hidden_versions(
        &self,
        question: &Question<'_>,
        collections: &[Found],
    ) -> Result<HashSet<Uuid>, StoreError> {
        if question.scope.reach(Area::Knowledge) == Reach::Tenant {
            return Ok(HashSet::new());
        }
        let sql = Sql::new("chunk_index.nearest", "SELECT s.current_version_id AS id FROM sources s")
            .text(" JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id")
            .text(" WHERE s.current_version_id IS NOT NULL AND ")
            .of_tenant("s.tenant_id", question.scope)
            .text(" AND s.collection_id IN ")
            .bind_list(collections.iter().map(|collection| collection.id))
            .text(" AND (")
            .then(|sql| readable::source_in_reach(sql, question.scope, Purpose::Read))
            .text(") IS NOT TRUE");
        ids(&self.rows(sql).await?)
    }

    /// The codes of a collection in the generation that this snapshot sees. Versions that an older
    /// generation has in memory already are taken over.
    async fn matrix(&self, question: &Question<'_>, collection: &Found) -> Result<Arc<Matrix>, StoreError> {
        let key = MatrixKey {
            tenant: question.scope.tenant_id.0,
            collection: collection.id,
            model: question.model.to_owned(),
            dimension: question.vector.len(),
        };
        let cached = self.matrices.as_ref().and_then(|matrices| matrices.get(&key));
        if let Some(cached) = &cached
            && cached.generation == collection.generation
        {
            return Ok(Arc::clone(cached));
        }
        let sql = Sql::new(
            "chunk_index.nearest",
            "SELECT current_version_id AS id FROM sources WHERE current_version_id IS NOT NULL",
        )
        .text(" AND ")
        .of_tenant("tenant_id", question.scope)
        .text(" AND collection_id = ")
        .bind(key.collection);
        let mut missing: HashSet<Uuid> = ids(&self.rows(sql).await?)?;
        let known = cached.as_ref().map_or(&[][..], |cached| &cached.blocks);
        let mut blocks: Vec<Arc<Block>> =
            known.iter().filter(|block| missing.remove(&block.version)).cloned().collect();
        let missing: Vec<Uuid> = missing.into_iter().collect();
        for versions in missing.chunks(LOAD_VERSIONS) {
            blocks.extend(self.load(question.scope, &key, versions).await?);
        }
        let matrix = Arc::new(Matrix { generation: collection.generation, blocks });
        let is_newest = cached.is_none_or(|cached| cached.generation < matrix.generation);
        if let Some(matrices) = self.matrices.as_ref().filter(|_| is_newest) {
            matrices.insert(key, Arc::clone(&matrix));
        }
        Ok(matrix)
    }

    /// Reads the vectors of some versions; each has its block, be it empty.
    async fn load(
        &self,
        scope: &TenantScope,
        key: &MatrixKey,
        versions: &[Uuid],
    ) -> Result<Vec<Arc<Block>>, StoreError> {
        let sql = Sql::new(
            "chunk_index.nearest",
            "SELECT source_version_id, chunk_id, embedding FROM chunk_embeddings WHERE ",
        )
        .of_tenant("tenant_id", scope)
        .text(" AND source_version_id IN ")
        .bind_list(versions.iter().copied())
        .text(" AND model = ")
        .bind(key.model.as_str())
        .text(" AND dimension = ")
        .bind(i64::try_from(key.dimension).unwrap_or(i64::MAX));
        let mut blocks: Vec<Block> = versions.iter().copied().map(Block::new).collect();
        for row in self.rows(sql).await? {
            let version: Uuid = row.try_get("", "source_version_id").map_err(store_error)?;
            let (chunk, vector) = stored_vector(&row)?;
            if let Some(block) = blocks.iter_mut().find(|block| block.version == version) {
                block.push(chunk, &vector);
            }
        }
        Ok(blocks.into_iter().map(Arc::new).collect())
    }
}

fn ids(rows: &[QueryResult]) -> Result<HashSet<Uuid>, StoreError> {
    rows.iter().map(|row| row.try_get("", "id")).collect::<Result<_, _>>().map_err(store_error)
}

/// Scans the codes on a thread that may be busy.
async fn scan(
    matrices: Vec<Arc<Matrix>>,
    hidden: HashSet<Uuid>,
    question: &Question<'_>,
) -> Result<Vec<Scored>, StoreError> {
    let vector = question.vector.to_vec();
    let mut best = Best::new(question.limit.saturating_mul(CANDIDATES_PER_HIT));
    let scanned = tokio::task::spawn_blocking(move || {
        matrix::scan(&matrices, &hidden, &vector, &mut best);
        best.into_sorted()
    });
    scanned.await.map_err(|error| StoreError::Backend(Box::new(error)))
}
