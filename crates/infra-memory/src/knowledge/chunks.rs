//! Chunks, without their vectors.

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose},
    ids::{ChunkId, SourceVersionId},
    knowledge::{Chunk, ChunkRepo, Collection},
    store::StoreError,
};

use crate::{state::State, store::MemoryTx, table::place};

impl State {
    fn insert_chunk(&mut self, filter: Filter, chunk: &Chunk) -> Result<(), StoreError> {
        self.whole_source(filter, chunk.source_id)?;
        let place = place![chunk.source_version_id.0, i64::from(chunk.ordinal)];
        match self.chunks.find("uq_chunks_ordinal", place) {
            Some(_) => Ok(()),
            None => self.insert(chunk.clone()),
        }
    }

    /// The chunks of a version by ordinal.
    pub(super) fn chunks_of(&self, version: SourceVersionId, from: u32) -> impl Iterator<Item = &Chunk> {
        let begin = place![version.0];
        self.chunks.by_from("uq_chunks_ordinal", begin, place![version.0, i64::from(from)])
    }

    /// The same, if the filter lets the version's source through.
    fn reached_chunks(&self, filter: Filter, version: SourceVersionId, from: u32) -> impl Iterator<Item = &Chunk> {
        let is_reached = self.reached_version(filter, version).is_some();
        self.chunks_of(version, from).filter(move |_| is_reached)
    }
}

#[async_trait]
impl ChunkRepo for MemoryTx {
    async fn insert(&self, chunks: &[Chunk]) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        chunks.iter().try_for_each(|chunk| self.may_add_part(chunk.tenant_id))?;
        self.write(|state| chunks.iter().try_for_each(|chunk| state.insert_chunk(filter, chunk)))
    }

    async fn get_many(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let stored = ids.iter().filter_map(|id| state.chunks.get(id));
            Ok(stored.filter(|chunk| state.reached_source(filter, chunk.source_id).is_some()).cloned().collect())
        })
    }

    async fn of_version(&self, version: SourceVersionId, from: u32, limit: u32) -> Result<Vec<Chunk>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(state.reached_chunks(filter, version, from).take(limit as usize).cloned().collect()))
    }

    async fn count(&self, version: SourceVersionId) -> Result<u64, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(state.reached_chunks(filter, version, 0).count() as u64))
    }
}
