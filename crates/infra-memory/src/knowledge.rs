//! Collections, sources, chunks, the index, searches and citations.

mod chunk_index;
mod chunks;
mod collections;
mod index_rows;
mod retrieval;
mod rows;
mod sources;
mod words;

pub(crate) use index_rows::{Posting, StoredVector};
pub(crate) use rows::StoredHits;
