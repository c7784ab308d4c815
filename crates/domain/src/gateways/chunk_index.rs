//! The index of chunks: vectors and words. The right to read is part of every query.

use crate::{
    ids::{ChunkId, CollectionId, SourceId, SourceVersionId},
    store::{StoreError, repository},
};

/// A chunk's vector, to be indexed.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexEntry {
    /// The chunk (its row exists already).
    pub chunk_id: ChunkId,
    /// Its collection.
    pub collection_id: CollectionId,
    /// Its source.
    pub source_id: SourceId,
    /// Its source version.
    pub source_version_id: SourceVersionId,
    /// Full name of the embedding model.
    pub model: String,
    /// The L2-normalised vector.
    pub vector: Vec<f32>,
}

/// Which chunks a query may return, beside what the scope of the unit of work allows.
///
/// The index itself applies the scope: sources in reach to read
/// ([`Filter::admits_source`](crate::access::Filter::admits_source)), and only the current version of
/// each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readable {
    /// Only these collections; `None`: all that the scope may read.
    pub collections: Option<Vec<CollectionId>>,
}

/// A chunk that a query found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndexHit {
    /// The chunk.
    pub chunk_id: ChunkId,
    /// Cosine similarity for vectors; the backend's own score for words. Greater is better.
    pub score: f64,
}

repository! {
    /// Finds chunks. Hits come best first; ties are broken by chunk id.
    pub trait ChunkIndex {
        /// Adds vectors, each a part of its source. An entry that is there already is left as it is. They are
        /// found only once their version is published.
        async fn insert(&self, entries: &[IndexEntry]) -> Result<(), StoreError>;

        /// How many chunks of a version have a vector of this model, if the scope reaches its source.
        async fn count(&self, version: SourceVersionId, model: &str) -> Result<u64, StoreError>;

        /// Makes a version's words and vectors the ones that are found for its source, in place of
        /// those of `previous`. Called in the transaction that flips the source's pointer.
        async fn publish(
            &self,
            source: SourceId,
            version: SourceVersionId,
            previous: Option<SourceVersionId>,
        ) -> Result<(), StoreError>;

        /// The nearest chunks to a vector of this model: approximate where the backend's index is, with
        /// recall@10 of at least 0.95, and never fewer than exist.
        async fn nearest(
            &self,
            model: &str,
            vector: &[f32],
            readable: &Readable,
            limit: u32,
        ) -> Result<Vec<IndexHit>, StoreError>;

        /// Chunks that hold any of the words of a question: runs of letters and digits, without case and
        /// diacritics. Rare words count for more. Words that more than 1,000 chunks hold may be left out
        /// beside rarer ones. A question without a word finds nothing.
        async fn lexical(&self, query: &str, readable: &Readable, limit: u32) -> Result<Vec<IndexHit>, StoreError>;
    }
}
