//! Collections, sources, chunks, searches and citations.

mod chunks;
mod collections;
mod retrieval;
pub(crate) mod rows;
mod sources;
mod versions;
