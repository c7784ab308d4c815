//! Rows of the index of chunks. They are rows like others, so that they go with their chunks.

use std::sync::Arc;

use domain::{
    ids::{ChunkId, SourceVersionId, TenantId},
    knowledge::Chunk,
    store::StoreError,
};

use crate::{
    check::{no_nul, require},
    references::Reference,
    table::{Row, columns},
};

/// A chunk's vector of one model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredVector {
    pub(crate) tenant_id: TenantId,
    pub(crate) source_version_id: SourceVersionId,
    pub(crate) chunk_id: ChunkId,
    pub(crate) model: String,
    pub(crate) vector: Arc<[f32]>,
}

impl Row for StoredVector {
    /// The vectors of a version and model stand together.
    type Id = (SourceVersionId, String, ChunkId);
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Chunk>(&["tenant_id", "chunk_id"]).cascades()];
    columns!(tenant_id, chunk_id);

    fn id(&self) -> Self::Id {
        (self.source_version_id, self.model.clone(), self.chunk_id)
    }

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.model])?;
        let is_finite = !self.vector.is_empty() && self.vector.iter().all(|value| value.is_finite());
        require(is_finite, "a vector holds finite numbers, and at least one")
    }
}

/// How often an indexed chunk holds a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) tenant_id: TenantId,
    pub(crate) word: String,
    pub(crate) chunk_id: ChunkId,
    pub(crate) count: u32,
}

impl Row for Posting {
    /// The chunks that hold a word stand together.
    type Id = (TenantId, String, ChunkId);
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Chunk>(&["tenant_id", "chunk_id"]).cascades()];
    columns!(tenant_id, chunk_id);

    fn id(&self) -> Self::Id {
        (self.tenant_id, self.word.clone(), self.chunk_id)
    }

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
