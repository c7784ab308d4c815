//! The index of chunks on SQLite: from memory what is read often enough, else by FTS5 and a scan of the table.

mod lexical;
mod nearest;

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    access::{Purpose, TenantScope},
    gateways::{ChunkIndex, IndexEntry, IndexHit, Readable},
    ids::{SourceId, SourceVersionId},
    store::{Mode, StoreError},
};
use infra_sql::{
    IndexQuestion, Met, Sql, SqlBackend,
    readable::{self, Reached},
    search_words, store_error,
};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};

use crate::unit::SqliteUnit;

/// Vectors of one INSERT: SQLite takes 32,766 values at most, and a vector's row has eight.
const INSERT_ROWS: usize = 500;

impl SqliteUnit {
    /// The tenant's part of the scope, without which there is no index.
    fn tenant(&self) -> Result<&TenantScope, StoreError> {
        self.scope().tenant().ok_or(StoreError::OutOfScope("the index outside a tenant"))
    }

    async fn run(&self, sql: Sql<Met>) -> Result<(), StoreError> {
        self.execute_raw(sql.statement(DbBackend::Sqlite)).await.map(drop).map_err(store_error)
    }

    async fn rows(&self, sql: Sql<Met>) -> Result<Vec<QueryResult>, StoreError> {
        self.query_all_raw(sql.statement(DbBackend::Sqlite)).await.map_err(store_error)
    }

    /// The collections that a question may look into.
    async fn reached(&self, scope: &TenantScope, readable: &Readable) -> Result<Arc<[Reached]>, StoreError> {
        if let Some(reached) = self.last_reached.get(readable) {
            return Ok(reached);
        }
        let reached: Arc<[Reached]> = Reached::read(&self.rows(readable::collections(scope, readable)).await?)?.into();
        if self.mode() == Mode::Read {
            self.last_reached.set(readable, &reached);
        }
        Ok(reached)
    }

    /// Refuses a source that the scope does not reach, and versions that are not the source's.
    async fn check_versions(
        &self,
        scope: &TenantScope,
        source: SourceId,
        versions: &[SourceVersionId],
    ) -> Result<(), StoreError> {
        let found =
            Sql::new("chunk_index.publish", "SELECT 1 FROM sources s JOIN collections k ON k.tenant_id = s.tenant_id")
                .text(" AND k.id = s.collection_id WHERE ")
                .of_tenant("s.tenant_id", scope)
                .text(" AND s.id = ")
                .bind(source.0)
                .text(" AND ")
                .then(|sql| readable::source_in_reach(sql, scope, Purpose::Change));
        if self.rows(found).await?.is_empty() {
            return Err(StoreError::Stale);
        }
        let own = Sql::new("chunk_index.publish", "SELECT id FROM source_versions WHERE ")
            .of_tenant("tenant_id", scope)
            .text(" AND source_id = ")
            .bind(source.0)
            .text(" AND id IN ")
            .bind_list(versions.iter().map(|version| version.0));
        if self.rows(own).await?.len() < versions.len() { Err(StoreError::ForeignKey) } else { Ok(()) }
    }
}

#[async_trait]
impl ChunkIndex for SqliteUnit {
    async fn insert(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        if entries.iter().any(|entry| entry.vector.is_empty() || entry.vector.iter().any(|value| !value.is_finite())) {
            return Err(StoreError::Check("a vector holds finite numbers, and at least one".to_owned()));
        }
        for batch in entries.chunks(INSERT_ROWS) {
            let mut sql = Sql::new("chunk_index.insert", "INSERT INTO chunk_embeddings (tenant_id, collection_id,")
                .text(" source_id, source_version_id, chunk_id, model, dimension, embedding) SELECT ")
                .bind_tenant(scope)
                .text(", v.* FROM (VALUES ");
            for (number, entry) in batch.iter().enumerate() {
                let values: [Value; _] = [
                    entry.collection_id.0.into(),
                    entry.source_id.0.into(),
                    entry.source_version_id.0.into(),
                    entry.chunk_id.0.into(),
                    entry.model.as_str().into(),
                    nearest::dimension(&entry.vector).into(),
                    nearest::to_bytes(&entry.vector).into(),
                ];
                sql = sql.text(if number == 0 { "" } else { ", " }).bind_list(values);
            }
            // WHERE: without it SQLite takes ON for that of a join.
            self.run(sql.text(") AS v WHERE 1 = 1 ON CONFLICT DO NOTHING")).await?;
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

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        previous: Option<SourceVersionId>,
    ) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        let replaced = previous.filter(|previous| *previous != version);
        let versions: Vec<SourceVersionId> = replaced.into_iter().chain([version]).collect();
        self.check_versions(scope, source, &versions).await?;
        for old in &versions {
            self.forget_words(scope, *old).await?;
        }
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
        if let Some(memory) = &self.memory {
            let reached = self.reached(scope, readable).await?;
            let question = IndexQuestion { scope, readable, limit };
            if let Some(hits) = search_words(self, memory, question, query, &reached).await? {
                return Ok(hits);
            }
        }
        self.chunks_with_words(scope, query, readable, limit).await
    }
}
