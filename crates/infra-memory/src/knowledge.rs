//! Collections, sources, chunks, the index, searches and citations.

mod chunk_index;
mod chunks;
mod collections;
mod retrieval;
mod sources;
mod words;
