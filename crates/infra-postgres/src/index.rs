//! The index of chunks on PostgreSQL: from memory what is read often enough, else by pgvector and full text; the
//! right to read is in each query.

mod bm25;
mod lexical;
mod nearest;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    access::{Purpose, TenantScope},
    gateways::{ChunkIndex, IndexEntry, IndexHit, Readable},
    ids::{ChunkId, SourceId, SourceVersionId},
    store::{Mode, StoreError},
};
use infra_sql::{
    IndexQuestion, Met, Sql, SqlBackend,
    readable::{self, Reached},
    search_words, store_error,
};
use pgvector::HalfVector;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use uuid::Uuid;

use crate::unit::PostgresUnit;

/// Vectors of one INSERT; at 3,072 dimensions half a megabyte.
const INSERT_ROWS: usize = 1_000;

/// Where a question looks.
struct Place {
    /// The collections with chunks that it may read.
    collections: Arc<[Reached]>,
    /// Chunks in them.
    chunks: i64,
}

impl Place {
    fn of(collections: Arc<[Reached]>) -> Self {
        let chunks = collections.iter().map(|collection| collection.chunk_count).sum();
        Self { collections, chunks }
    }
}

impl PostgresUnit {
    /// The tenant's part of the scope, without which there is no index.
    fn tenant(&self) -> Result<&TenantScope, StoreError> {
        self.scope().tenant().ok_or(StoreError::OutOfScope("the index outside a tenant"))
    }

    async fn rows(&self, sql: Sql<Met>) -> Result<Vec<QueryResult>, StoreError> {
        self.query_all_raw(sql.statement(DbBackend::Postgres)).await.map_err(store_error)
    }

    /// The collections that a question may look into, asked for once in a snapshot.
    async fn in_reach(&self, scope: &TenantScope, readable: &Readable) -> Result<Place, StoreError> {
        if let Some(collections) = self.last_reached.get(readable) {
            return Ok(Place::of(collections));
        }
        let collections: Arc<[Reached]> =
            Reached::read(&self.rows(readable::collections(scope, readable)).await?)?.into();
        if self.mode() == Mode::Read {
            self.last_reached.set(readable, &collections);
        }
        Ok(Place::of(collections))
    }

    /// Tells the planner to look at the values of each query that follows, without which it cannot tell a small
    /// tenant from a large one, or a rare word from a frequent one.
    async fn plan_by_values(&self) -> Result<(), StoreError> {
        let setting = "SET LOCAL plan_cache_mode = force_custom_plan";
        self.execute_unprepared(setting).await.map(drop).map_err(store_error)
    }

    /// Adds one batch, each column as an array.
    async fn insert_batch(&self, scope: &TenantScope, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let column = |id: fn(&IndexEntry) -> Uuid| entries.iter().map(id).collect::<Vec<_>>();
        let dimensions: Vec<i32> = entries.iter().map(|entry| dimension(&entry.vector)).collect();
        let models: Vec<&str> = entries.iter().map(|entry| entry.model.as_str()).collect();
        let vectors: Vec<HalfVector> = entries.iter().map(|entry| HalfVector::from_f32_slice(&entry.vector)).collect();
        let insert = sqlx::query(
            "INSERT INTO chunk_embeddings (tenant_id, collection_id, source_id, source_version_id, chunk_id, model, \
               dimension, embedding) \
             SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::int4[], \
               $8::halfvec[]) ON CONFLICT DO NOTHING",
        )
        .bind(scope.tenant_id.0)
        .bind(column(|entry| entry.collection_id.0))
        .bind(column(|entry| entry.source_id.0))
        .bind(column(|entry| entry.source_version_id.0))
        .bind(column(|entry| entry.chunk_id.0))
        .bind(models)
        .bind(dimensions)
        .bind(vectors);
        self.execute_query(insert).await.map_err(store_error)
    }
}

/// The length of a vector as the schema keeps it.
fn dimension(vector: &[f32]) -> i32 {
    i32::try_from(vector.len()).unwrap_or(i32::MAX)
}

/// Reads `id` and `score`.
fn hits(rows: &[QueryResult]) -> Result<Vec<IndexHit>, StoreError> {
    let hit = |row: &QueryResult| {
        Ok(IndexHit { chunk_id: ChunkId(row.try_get("", "id")?), score: row.try_get("", "score")? })
    };
    rows.iter().map(hit).collect::<Result<_, _>>().map_err(store_error)
}

#[async_trait]
impl ChunkIndex for PostgresUnit {
    async fn insert(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        if entries.iter().any(|entry| entry.vector.is_empty() || entry.vector.iter().any(|value| !value.is_finite())) {
            return Err(StoreError::Check("a vector holds finite numbers, and at least one".to_owned()));
        }
        for batch in entries.chunks(INSERT_ROWS) {
            self.insert_batch(scope, batch).await?;
        }
        Ok(())
    }

    async fn count(&self, version: SourceVersionId, model: &str) -> Result<u64, StoreError> {
        let sql = Sql::new("chunk_index.count", "SELECT count(*) AS n FROM chunk_embeddings WHERE ")
            .of_tenant("tenant_id", self.tenant()?)
            .text(" AND source_version_id = ")
            .bind(version.0)
            .text(" AND model = ")
            .bind(model);
        let rows = self.rows(sql).await?;
        let count = rows.first().map_or(Ok(0), |row| row.try_get::<i64>("", "n")).map_err(store_error)?;
        u64::try_from(count).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// Vectors follow the source's pointer, in the queries themselves; the words are put in here.
    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        previous: Option<SourceVersionId>,
    ) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        let found = Sql::new(
            "chunk_index.publish",
            "SELECT 1 AS one FROM sources s JOIN collections k ON k.tenant_id = s.tenant_id",
        )
        .text(" AND k.id = s.collection_id WHERE ")
        .of_tenant("s.tenant_id", scope)
        .text(" AND s.id = ")
        .bind(source.0)
        .text(" AND ")
        .then(|sql| readable::source_in_reach(sql, scope, Purpose::Change));
        if self.rows(found).await?.is_empty() {
            return Err(StoreError::Stale);
        }
        let replaced = previous.filter(|previous| *previous != version);
        let own = Sql::new("chunk_index.publish", "SELECT id FROM source_versions WHERE ")
            .of_tenant("tenant_id", scope)
            .text(" AND source_id = ")
            .bind(source.0)
            .text(" AND id IN ")
            .bind_list(replaced.into_iter().chain([version]).map(|version| version.0));
        if self.rows(own).await?.len() < 1 + usize::from(replaced.is_some()) {
            return Err(StoreError::ForeignKey);
        }
        self.forget_words(scope, replaced.into_iter().chain([version])).await?;
        self.add_words(scope, version).await
    }

    async fn nearest(
        &self,
        model: &str,
        vector: &[f32],
        readable: &Readable,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        let scope = self.tenant()?;
        if limit == 0 || vector.is_empty() {
            return Ok(Vec::new());
        }
        self.nearest_chunks(nearest::Question { asked: IndexQuestion { scope, readable, limit }, model, vector }).await
    }

    async fn lexical(&self, query: &str, readable: &Readable, limit: u32) -> Result<Vec<IndexHit>, StoreError> {
        let scope = self.tenant()?;
        let place = self.in_reach(scope, readable).await?;
        if let Some(memory) = &self.memory {
            let question = IndexQuestion { scope, readable, limit };
            if let Some(hits) = search_words(self, memory, question, query, &place.collections).await? {
                return Ok(hits);
            }
        }
        self.chunks_with_words(scope, &place, query, readable, limit).await
    }
}
