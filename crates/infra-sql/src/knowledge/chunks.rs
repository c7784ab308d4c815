//! Stored chunks, without their vectors.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{
    ids::{ChunkId, SourceVersionId},
    knowledge::{Chunk, ChunkRepo},
    store::StoreError,
};
use sea_orm::prelude::Uuid;

use super::rows::chunks;
use crate::{SqlBackend, SqlRepos, sql::Sql};

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the chunks `h` are of the scope's tenant and their source in reach.
    fn chunks_in_reach(&self, sql: Sql) -> Result<Sql, StoreError> {
        let sql = sql.text(" FROM chunks h WHERE h.tenant_id = ").bind(self.tenant()?.tenant_id.0).text(" AND ");
        self.of_source_in_reach(sql, "h.source_id")
    }

    async fn chunk_rows(&self, sql: Sql) -> Result<Vec<Chunk>, StoreError> {
        self.rows::<chunks::Model>(sql).await?.into_iter().map(Chunk::try_from).collect()
    }
}

#[async_trait]
impl<B: SqlBackend> ChunkRepo for SqlRepos<B> {
    async fn insert(&self, chunks: &[Chunk]) -> Result<(), StoreError> {
        for chunk in chunks {
            self.own_tenant(chunk.tenant_id)?;
        }
        let rows: Vec<chunks::Model> = chunks.iter().map(chunks::Model::try_from).collect::<Result<_, _>>()?;
        self.add_unless(rows, " ON CONFLICT (tenant_id, source_version_id, ordinal) DO NOTHING").await.map(|_| ())
    }

    async fn get_many(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError> {
        let sql = self.chunks_in_reach(Sql::new("SELECT ").columns::<chunks::Entity>("h"))?;
        let found = self.chunk_rows(sql.text(" AND h.id IN ").bind_list(ids.iter().map(|id| id.0))).await?;
        let mut found: HashMap<Uuid, Chunk> = found.into_iter().map(|chunk| (chunk.id.0, chunk)).collect();
        Ok(ids.iter().filter_map(|id| found.remove(&id.0)).collect())
    }

    async fn of_version(&self, version: SourceVersionId, from: u32, limit: u32) -> Result<Vec<Chunk>, StoreError> {
        let sql = self
            .chunks_in_reach(Sql::new("SELECT ").columns::<chunks::Entity>("h"))?
            .text(" AND h.source_version_id = ")
            .bind(version.0)
            .text(" AND h.ordinal >= ")
            .bind(i64::from(from))
            .text(" ORDER BY h.ordinal LIMIT ")
            .bind(i64::from(limit));
        self.chunk_rows(sql).await
    }

    async fn count(&self, version: SourceVersionId) -> Result<u64, StoreError> {
        let sql = self.chunks_in_reach(Sql::new("SELECT COUNT(*) AS n"))?;
        self.count_of(sql.text(" AND h.source_version_id = ").bind(version.0)).await
    }
}
