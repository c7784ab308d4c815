//! The index of chunks in memory, for both databases: words and vectors of the collections that are searched.
//!
//! # Isolation
//! What is kept of a collection is all of it, whoever asks; it is kept by tenant and collection, and a
//! question is put to those collections only that its scope reaches in its own snapshot. The chunks that it
//! names are checked against the right to read by the database, in the same snapshot, before anyone learns of
//! them. Where one may not be read (its source is narrowed to others, or gone), the versions that may be read
//! are asked for, and the question is answered again as if the others were not there: not even how rare a
//! word is comes from them.
//!
//! # Staleness
//! Everything that makes other versions current raises the collection's `generation` in the same
//! transaction. What is of another generation than that of the snapshot is brought to it first. Units of work
//! that write may see what is never committed; they neither use nor fill this memory.
//!
//! # Filling
//! A question that meets a collection which is not there, or of an older generation, reads what is missing, up
//! to a bound. Where that is not all, or another question is at it, it is left to the database's own index.

mod best;
mod kept;
mod matrix;
mod snapshot;
mod vectors;
mod words;

pub use self::{
    best::{Best, Scored},
    matrix::cosine,
    snapshot::IndexQuestion,
    vectors::{VectorIndex, search as search_vectors},
    words::{UnindexedChunk, chunks_to_index, search as search_words},
};
use self::{kept::Kept, matrix::Matrix, words::CollectionWords};

/// What is kept in memory of collections that are searched, within bounds.
#[derive(Debug)]
pub struct IndexMemory {
    words: Kept<(), CollectionWords>,
    vectors: Kept<matrix::Model, Matrix>,
}

impl IndexMemory {
    /// Keeps about so many bytes of words and of vectors at most. Of what has none, all is left to the database.
    #[must_use]
    pub fn new(words: u64, vectors: u64) -> Self {
        Self { words: Kept::new(words), vectors: Kept::new(vectors) }
    }
}
