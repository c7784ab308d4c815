//! Nearest vectors: from codes in memory, rescored, or from the table where there are few.

use async_trait::async_trait;
use domain::{gateways::IndexHit, store::StoreError};
use infra_sql::{Best, IndexQuestion, Met, Scored, Sql, VectorIndex, cosine, readable, search_vectors, store_error};
use sea_orm::{DbErr, QueryResult};
use uuid::Uuid;

use crate::unit::SqliteUnit;

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) asked: IndexQuestion<'a>,
    pub(super) model: &'a str,
    pub(super) vector: &'a [f32],
}

/// The length of a vector as the schema keeps it.
pub(super) fn dimension(vector: &[f32]) -> i64 {
    i64::try_from(vector.len()).unwrap_or(i64::MAX)
}

/// A vector as it is stored: little-endian f32.
pub(super) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads a stored vector.
fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

impl Question<'_> {
    /// Vectors that may be compared with the one looked for, of sources that may be read.
    fn conditions(&self, sql: Sql<Met>) -> Sql<Met> {
        let IndexQuestion { scope, readable, .. } = self.asked;
        sql.text(" AND e.model = ")
            .bind(self.model)
            .text(" AND e.dimension = ")
            .bind(dimension(self.vector))
            .text(" AND ")
            .then(|sql| readable::source_is_readable(sql, scope, readable))
    }

    /// Scores stored vectors and keeps the best.
    fn rank(&self, rows: &[QueryResult], limit: usize) -> Result<Vec<IndexHit>, DbErr> {
        let mut best = Best::new(limit);
        for row in rows {
            let vector = SqliteUnit::read_embedding(row)?;
            best.offer(Scored { chunk: row.try_get("", "chunk_id")?, score: cosine(&vector, self.vector) });
        }
        Ok(best.into_sorted().into_iter().map(IndexHit::from).collect())
    }
}

impl SqliteUnit {
    pub(super) async fn nearest_chunks(&self, question: Question<'_>) -> Result<Vec<IndexHit>, StoreError> {
        let Question { asked, model, vector } = question;
        if let Some(memory) = &self.memory {
            let reached = self.reached(asked.scope, asked.readable).await?;
            if let Some(hits) = search_vectors(self, memory, asked, model, vector, &reached).await? {
                return Ok(hits);
            }
        }
        let sql = Sql::new("chunk_index.nearest", "SELECT e.chunk_id, e.embedding FROM sources s")
            .text(" CROSS JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id")
            .text(" CROSS JOIN chunk_embeddings e ON e.tenant_id = s.tenant_id AND e.source_id = s.id")
            .text(" AND e.source_version_id = s.current_version_id WHERE ")
            .of_tenant("e.tenant_id", asked.scope);
        question.rank(&self.rows(question.conditions(sql)).await?, asked.limit as usize).map_err(store_error)
    }
}

#[async_trait]
impl VectorIndex for SqliteUnit {
    const EMBEDDING: &'static str = "embedding";

    fn read_embedding(row: &QueryResult) -> Result<Vec<f32>, DbErr> {
        Ok(from_bytes(&row.try_get::<Vec<u8>>("", "embedding")?))
    }

    async fn rescore(
        &self,
        asked: IndexQuestion<'_>,
        model: &str,
        vector: &[f32],
        chunks: &[Uuid],
    ) -> Result<Vec<IndexHit>, StoreError> {
        let question = Question { asked, model, vector };
        let sql = Sql::new("chunk_index.rescore", "SELECT e.chunk_id, e.embedding FROM chunk_embeddings e")
            .text(" CROSS JOIN sources s ON s.tenant_id = e.tenant_id AND s.id = e.source_id")
            .text(" AND s.current_version_id = e.source_version_id")
            .text(" CROSS JOIN collections k ON k.tenant_id = s.tenant_id AND k.id = s.collection_id")
            .text(" WHERE ")
            .of_tenant("e.tenant_id", asked.scope)
            .text(" AND e.chunk_id IN ")
            .bind_list(chunks.iter().copied());
        question.rank(&self.rows(question.conditions(sql)).await?, chunks.len()).map_err(store_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_vectors_come_back() {
        let vector = [0.25f32, -1.0, 3.5e-3];
        assert_eq!(from_bytes(&to_bytes(&vector)), vector);
    }
}
