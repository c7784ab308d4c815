//! The rows of the context, one table a file, and how they become entities.

pub(crate) mod chunks;
pub(crate) mod citations;
pub(crate) mod collections;
pub(crate) mod retrieval_runs;
pub(crate) mod source_versions;
pub(crate) mod sources;
