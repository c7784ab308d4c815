//! Stored chunks, without their vectors.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use domain::{
    access::{Purpose, Rows},
    gateways::IndexEntry,
    ids::{ChunkId, SourceId, SourceVersionId},
    knowledge::{Chunk, ChunkRepo, Collection},
    store::StoreError,
};
use sea_orm::{FromQueryResult, prelude::Uuid, sea_query::OnConflict};

use super::rows::chunks;
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

/// Most chunks whose places are asked for at once.
const MAX_PLACES: usize = 500;

/// Where a chunk stands.
#[derive(FromQueryResult, PartialEq, Eq, PartialOrd, Ord)]
struct PlaceRow {
    id: Uuid,
    collection_id: Uuid,
    source_id: Uuid,
    source_version_id: Uuid,
}

impl PlaceRow {
    fn of(entry: &IndexEntry) -> Self {
        Self {
            id: entry.chunk_id.0,
            collection_id: entry.collection_id.0,
            source_id: entry.source_id.0,
            source_version_id: entry.source_version_id.0,
        }
    }
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the chunks `h` are of the scope's tenant and their source in reach.
    fn chunks_in_reach(&self, sql: Sql) -> Result<Sql<Met>, StoreError> {
        let sql = self.of_tenant(sql.text(" FROM chunks h WHERE "), "h.tenant_id")?.text(" AND ");
        self.of_source_in_reach(sql, "h.source_id", Purpose::Read)
    }

    async fn chunk_rows(&self, sql: Sql<Met>) -> Result<Vec<Chunk>, StoreError> {
        self.rows::<chunks::Model>(sql).await?.into_iter().map(Chunk::try_from).collect()
    }

    /// Refuses to add to these sources unless each is in reach. Where the whole tenant is, the schema's
    /// references say the rest.
    pub(crate) async fn need_sources(&self, sources: impl IntoIterator<Item = SourceId>) -> Result<(), StoreError> {
        if self.tenant()?.rows::<Collection>(Purpose::Change) == Rows::All {
            return Ok(());
        }
        let sources: BTreeSet<SourceId> = sources.into_iter().collect();
        for id in sources {
            let sql = self.source_to_add_to(Sql::new("sources.has", "SELECT 1 WHERE "), id)?;
            if !self.exists(sql).await? {
                return Err(self.no_source_to_add_to(id).await?);
            }
        }
        Ok(())
    }

    /// Refuses vectors that do not stand where their chunks do. The schema's reference knows only the chunk;
    /// without this a source in reach would be the way to the vectors of one that is not.
    pub(crate) async fn need_places(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        for batch in entries.chunks(MAX_PLACES) {
            let sql = Sql::new("chunks.places", "SELECT id, collection_id, source_id, source_version_id FROM chunks")
                .text(" WHERE ");
            let sql = self.of_tenant(sql, "tenant_id")?.text(" AND id IN ");
            let found = self.rows::<PlaceRow>(sql.bind_list(batch.iter().map(|entry| entry.chunk_id.0))).await?;
            let found: BTreeSet<PlaceRow> = found.into_iter().collect();
            if !batch.iter().all(|entry| found.contains(&PlaceRow::of(entry))) {
                return Err(self.poison(StoreError::ForeignKey));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl<B: SqlBackend> ChunkRepo for SqlRepos<B> {
    async fn insert(&self, chunks: &[Chunk]) -> Result<(), StoreError> {
        self.all_of_tenant(chunks.iter().map(|chunk| chunk.tenant_id))?;
        self.need_sources(chunks.iter().map(|chunk| chunk.source_id)).await?;
        let rows: Vec<chunks::Model> = chunks.iter().map(chunks::Model::try_from).collect::<Result<_, _>>()?;
        let key = [chunks::Column::TenantId, chunks::Column::SourceVersionId, chunks::Column::Ordinal];
        let same = OnConflict::columns(key).do_nothing().to_owned();
        self.insert_parts("chunks.insert", rows, Some(same)).await
    }

    async fn get_many(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError> {
        let sql = self.chunks_in_reach(Sql::new("chunks.get_many", "SELECT ").columns::<chunks::Entity>("h"))?;
        let found = self.chunk_rows(sql.text(" AND h.id IN ").bind_list(ids.iter().map(|id| id.0))).await?;
        let mut found: HashMap<Uuid, Chunk> = found.into_iter().map(|chunk| (chunk.id.0, chunk)).collect();
        Ok(ids.iter().filter_map(|id| found.remove(&id.0)).collect())
    }

    async fn of_version(&self, version: SourceVersionId, from: u32, limit: u32) -> Result<Vec<Chunk>, StoreError> {
        let sql = self
            .chunks_in_reach(Sql::new("chunks.of_version", "SELECT ").columns::<chunks::Entity>("h"))?
            .text(" AND h.source_version_id = ")
            .bind(version.0)
            .text(" AND h.ordinal >= ")
            .bind(i64::from(from))
            .text(" ORDER BY h.ordinal LIMIT ")
            .bind(i64::from(limit));
        self.chunk_rows(sql).await
    }

    async fn count(&self, version: SourceVersionId) -> Result<u64, StoreError> {
        let sql = self.chunks_in_reach(Sql::new("chunks.count", "SELECT COUNT(*) AS n"))?;
        self.count_of(sql.text(" AND h.source_version_id = ").bind(version.0)).await
    }
}
