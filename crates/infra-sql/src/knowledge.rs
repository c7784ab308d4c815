//! Collections, sources, chunks, searches and citations.

mod chunks;
mod collections;
mod retrieval;
mod rows;
mod sources;
mod versions;
