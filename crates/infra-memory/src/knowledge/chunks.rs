//! Chunks, without their vectors.

use async_trait::async_trait;
use domain::{
    access::TenantScope,
    ids::{ChunkId, SourceVersionId},
    knowledge::{Chunk, ChunkRepo},
    store::StoreError,
};

use crate::{
    check::{conflict, no_nul, refuse},
    state::{State, need},
    store::MemoryTx,
};

impl State {
    fn insert_chunk(&mut self, scope: &TenantScope, chunk: &Chunk) -> Result<(), StoreError> {
        if chunk.tenant_id != scope.tenant_id {
            return Err(StoreError::OutOfScope("a chunk is added in the scope of its tenant"));
        }
        no_nul(chunk.heading_path.iter().chain([&chunk.content]).map(String::as_str))?;
        if chunk.start > chunk.end {
            return Err(refuse("a chunk does not end before it starts"));
        }
        let place = (chunk.source_version_id, chunk.ordinal);
        if self.chunk_order.contains_key(&place) {
            return Ok(());
        }
        if self.chunks.contains_key(&chunk.id) {
            return Err(conflict("chunks_pkey"));
        }
        need(Some(chunk.source_version_id), |id| {
            self.source_versions.get(&id).is_some_and(|version| {
                version.tenant_id == chunk.tenant_id
                    && version.source_id == chunk.source_id
                    && version.collection_id == chunk.collection_id
            })
        })?;
        self.chunk_order.insert_mut(place, chunk.id);
        self.chunks.insert_mut(chunk.id, chunk.clone());
        Ok(())
    }

    /// The chunks of a version by ordinal.
    pub(super) fn chunks_of(&self, version: SourceVersionId, from: u32) -> impl Iterator<Item = &Chunk> {
        let range = (version, from)..=(version, u32::MAX);
        self.chunk_order.range(range).filter_map(|(_, id)| self.chunks.get(id))
    }

    /// The same, if the scope reaches the version's source.
    fn reached_chunks(&self, scope: &TenantScope, version: SourceVersionId, from: u32) -> impl Iterator<Item = &Chunk> {
        let source = self.source_versions.get(&version).map(|version| version.source_id);
        let reached = source.is_some_and(|source| self.reached_source(scope, source).is_some());
        self.chunks_of(version, from).filter(move |_| reached)
    }
}

#[async_trait]
impl ChunkRepo for MemoryTx {
    async fn insert(&self, chunks: &[Chunk]) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| chunks.iter().try_for_each(|chunk| state.insert_chunk(scope, chunk)))
    }

    async fn get_many(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let stored = ids.iter().filter_map(|id| state.chunks.get(id));
            Ok(stored.filter(|chunk| state.reached_source(scope, chunk.source_id).is_some()).cloned().collect())
        })
    }

    async fn of_version(&self, version: SourceVersionId, from: u32, limit: u32) -> Result<Vec<Chunk>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.reached_chunks(scope, version, from).take(limit as usize).cloned().collect()))
    }

    async fn count(&self, version: SourceVersionId) -> Result<u64, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.reached_chunks(scope, version, 0).count() as u64))
    }
}
