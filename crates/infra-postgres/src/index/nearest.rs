//! Nearest vectors.
//!
//! Up to some thousand vectors in reach all are compared, which is faster than the graph and exact.
//! Beyond that HNSW answers, by an iterative scan that goes on until enough rows have passed the
//! filters; it fetches more than is wanted and sorts again, as its order is approximate. Should it
//! give up before it has enough, all are compared after all.

use domain::{
    access::{Purpose, TenantScope},
    gateways::{IndexHit, Readable},
    store::StoreError,
};
use infra_sql::{Met, Sql, readable};
use pgvector::Vector;
use uuid::Uuid;

use super::{Place, dimension, hits};
use crate::unit::PostgresUnit;

/// Chunks in reach up to which all are compared.
const EXACT_CHUNKS: i64 = 10_000;
/// Rows that the graph is asked for, for each one wanted.
const CANDIDATES_PER_HIT: i64 = 4;

/// What is looked for.
pub(super) struct Question<'a> {
    pub(super) scope: &'a TenantScope,
    pub(super) model: &'a str,
    pub(super) vector: &'a [f32],
    pub(super) readable: &'a Readable,
    pub(super) limit: u32,
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

    /// The id and distance of the vectors that may be read; the vector looked for is `$1`. The
    /// collections in reach were found in the same transaction, which saves a join.
    fn distances(&self, begin: &'static str, place: &Place) -> Sql<Met> {
        let sql = Sql::new("chunk_index.nearest", begin)
            .text("SELECT e.chunk_id AS id, e.embedding")
            .text(self.cast())
            .text(" <=> ")
            .bind(Vector::from(self.vector.to_vec()))
            .text(self.cast())
            .text(" AS distance FROM chunk_embeddings e")
            .text(" JOIN sources s ON s.tenant_id = e.tenant_id AND s.id = e.source_id")
            .text(" AND s.current_version_id = e.source_version_id WHERE e.dimension = ");
        let sql = match indexed(dimension(self.vector)) {
            Some((constant, _)) => sql.text(constant),
            None => sql.bind(dimension(self.vector)),
        };
        sql.text(" AND ")
            .of_tenant("e.tenant_id", self.scope)
            .text(" AND e.model = ")
            .bind(self.model)
            .text(" AND ")
            .of_tenant("s.tenant_id", self.scope)
            .text(" AND s.collection_id = ANY (string_to_array(")
            .bind(place.collections.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" "))
            .text(", ' ')::uuid[]) AND ")
            .then(|sql| readable::source_is_not_narrowed(sql, self.scope, Purpose::Read))
    }

    /// Compares all. The sum keeps the planner from taking the graph for the order.
    fn exact(&self, place: &Place) -> Sql<Met> {
        self.distances("SELECT id, 1 - distance AS score FROM (", place)
            .text(") near ORDER BY distance + 0, id LIMIT ")
            .bind(i64::from(self.limit))
    }

    /// Asks the graph for more than is wanted, and sorts them.
    fn approximate(&self, place: &Place) -> Sql<Met> {
        self.distances("WITH near AS MATERIALIZED (", place)
            .text(" ORDER BY e.embedding")
            .text(self.cast())
            .text(" <=> $1")
            .text(self.cast())
            .text(" LIMIT ")
            .bind(i64::from(self.limit) * CANDIDATES_PER_HIT)
            .text(") SELECT id, 1 - distance AS score FROM near ORDER BY distance + 0, id LIMIT ")
            .bind(i64::from(self.limit))
    }
}

impl PostgresUnit {
    pub(super) async fn nearest_chunks(&self, question: &Question<'_>) -> Result<Vec<IndexHit>, StoreError> {
        let place = self.in_reach(question.scope, question.readable).await?;
        if place.collections.is_empty() {
            return Ok(Vec::new());
        }
        if indexed(dimension(question.vector)).is_some() && place.chunks > EXACT_CHUNKS {
            let found = hits(&self.rows(question.approximate(&place)).await?)?;
            if found.len() == question.limit as usize {
                return Ok(found);
            }
        }
        hits(&self.rows(question.exact(&place)).await?)
    }
}
