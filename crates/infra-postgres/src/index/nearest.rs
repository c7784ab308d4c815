//! Nearest vectors.
//!
//! Of few in reach all are compared; of some ten thousand the codes in memory are, which is exact too and
//! takes a tenth of the time. Beyond that HNSW answers, by an iterative scan that goes on until enough rows
//! have passed the right to read; it fetches more than is wanted and sorts again, as its order is
//! approximate. Should it give up before it has enough, all are compared after all.

use async_trait::async_trait;
use domain::{access::Purpose, gateways::IndexHit, store::StoreError};
use infra_sql::{IndexQuestion, Met, Sql, VectorIndex, readable, search_vectors};
use pgvector::Vector;
use sea_orm::{DbErr, QueryResult};
use uuid::Uuid;

use super::{Place, dimension, hits};
use crate::unit::PostgresUnit;

/// Chunks in reach up to which all are compared; a microsecond and a half each.
const EXACT_CHUNKS: i64 = 1_000;
/// Rows that the graph is asked for, for each one wanted.
const CANDIDATES_PER_HIT: i64 = 4;

/// What is looked for.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) asked: IndexQuestion<'a>,
    pub(super) model: &'a str,
    pub(super) vector: &'a [f32],
}

/// The dimension and its type, as text, where there is a graph for it. Both must be written as in
/// the schema, not bound, or the planner takes neither partition nor index.
const fn indexed(dimension: i32) -> Option<(&'static str, &'static str)> {
    match dimension {
        384 => Some(("384", "::halfvec(384)")),
        512 => Some(("512", "::halfvec(512)")),
        768 => Some(("768", "::halfvec(768)")),
        1024 => Some(("1024", "::halfvec(1024)")),
        1536 => Some(("1536", "::halfvec(1536)")),
        3072 => Some(("3072", "::halfvec(3072)")),
        _ => None,
    }
}

impl Question<'_> {
    fn cast(&self) -> &'static str {
        indexed(dimension(self.vector)).map_or("::halfvec", |(_, cast)| cast)
    }

    /// The id and distance of the tenant's vectors of the model, the one looked for being `$1`.
    fn distances(&self, name: &'static str, begin: &'static str) -> Sql<Met> {
        let sql = Sql::new(name, begin)
            .text("SELECT e.chunk_id AS id, e.embedding")
            .text(self.cast())
            .text(" <=> ")
            .bind(Vector::from(self.vector.to_vec()))
            .text(self.cast())
            .text(" AS distance FROM chunk_embeddings e WHERE e.dimension = ");
        let sql = match indexed(dimension(self.vector)) {
            Some((constant, _)) => sql.text(constant),
            None => sql.bind(dimension(self.vector)),
        };
        sql.text(" AND ").of_tenant("e.tenant_id", self.asked.scope).text(" AND e.model = ").bind(self.model)
    }

    /// Adds that the source of a vector may be read, for a source that was found. The collections in reach were
    /// found in the same transaction, which saves a join.
    fn of_source(&self, sql: Sql<Met>, place: &Place) -> Sql<Met> {
        let collections: Vec<String> = place.collections.iter().map(|reached| reached.id.to_string()).collect();
        sql.of_tenant("s.tenant_id", self.asked.scope)
            .text(" AND s.id = e.source_id AND s.collection_id = ANY (string_to_array(")
            .bind(collections.join(" "))
            .text(", ' ')::uuid[]) AND ")
            .then(|sql| readable::source_is_not_narrowed(sql, self.asked.scope, Purpose::Read))
            .text(")")
    }

    /// Adds that a vector is of a current version that may be read, decided for each row by itself. As a join
    /// the planner would take it for a reason to leave the graph alone: it does not know that a source's id
    /// says all about its version.
    fn each_readable(&self, sql: Sql<Met>, place: &Place) -> Sql<Met> {
        let sql = sql.text(" AND (SELECT s.current_version_id = e.source_version_id FROM sources s WHERE ");
        self.of_source(sql, place)
    }

    /// The same, decided for all rows together.
    fn all_readable(&self, sql: Sql<Met>, place: &Place) -> Sql<Met> {
        let sql = sql.text(" AND EXISTS (SELECT FROM sources s WHERE s.current_version_id = e.source_version_id AND ");
        self.of_source(sql, place)
    }

    /// Compares all. The sum keeps the planner from taking the graph for the order.
    fn exact(&self, place: &Place) -> Sql<Met> {
        self.distances("chunk_index.nearest", "SELECT id, 1 - distance AS score FROM (")
            .then(|sql| self.all_readable(sql, place))
            .text(") near ORDER BY distance + 0, id LIMIT ")
            .bind(i64::from(self.asked.limit))
    }

    /// Asks the graph for more than is wanted, and sorts them.
    fn approximate(&self, place: &Place) -> Sql<Met> {
        self.distances("chunk_index.nearest", "WITH near AS MATERIALIZED (")
            .then(|sql| self.each_readable(sql, place))
            .text(" ORDER BY e.embedding")
            .text(self.cast())
            .text(" <=> $1")
            .text(self.cast())
            .text(" LIMIT ")
            .bind(i64::from(self.asked.limit) * CANDIDATES_PER_HIT)
            .text(") SELECT id, 1 - distance AS score FROM near ORDER BY distance + 0, id LIMIT ")
            .bind(i64::from(self.asked.limit))
    }
}

impl PostgresUnit {
    pub(super) async fn nearest_chunks(&self, question: Question<'_>) -> Result<Vec<IndexHit>, StoreError> {
        let Question { asked, model, vector } = question;
        let place = self.in_reach(asked.scope, asked.readable).await?;
        if place.collections.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(memory) = &self.memory
            && let Some(hits) = search_vectors(self, memory, asked, model, vector, &place.collections).await?
        {
            return Ok(hits);
        }
        self.plan_by_values().await?;
        if indexed(dimension(vector)).is_some() && place.chunks > EXACT_CHUNKS {
            let found = hits(&self.rows(question.approximate(&place)).await?)?;
            if found.len() == asked.limit as usize {
                return Ok(found);
            }
        }
        hits(&self.rows(question.exact(&place)).await?)
    }
}

#[async_trait]
impl VectorIndex for PostgresUnit {
    const EMBEDDING: &'static str = "embedding::vector";

    fn read_embedding(row: &QueryResult) -> Result<Vec<f32>, DbErr> {
        Ok(row.try_get::<Vector>("", "embedding")?.into())
    }

    async fn rescore(
        &self,
        asked: IndexQuestion<'_>,
        model: &str,
        vector: &[f32],
        chunks: &[Uuid],
    ) -> Result<Vec<IndexHit>, StoreError> {
        let question = Question { asked, model, vector };
        let place = self.in_reach(asked.scope, asked.readable).await?;
        let ids: Vec<String> = chunks.iter().map(Uuid::to_string).collect();
        let sql = question
            .distances("chunk_index.rescore", "SELECT id, 1 - distance AS score FROM (")
            .text(" AND e.chunk_id = ANY (string_to_array(")
            .bind(ids.join(" "))
            .text(", ' ')::uuid[])")
            .then(|sql| question.each_readable(sql, &place))
            .text(") near ORDER BY distance + 0, id");
        hits(&self.rows(sql).await?)
    }
}
