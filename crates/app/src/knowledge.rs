//! Collections, sources, ingestion and search.

use crate::App;

mod cite;
mod collections;
mod embed;
mod in_use;
mod ingest;
mod keep;
mod plain_parser;
mod retrieve;
mod search;
mod sources;
mod upload;
mod worker;

pub(crate) use cite::cited;
pub use collections::{MAX_COLLECTION_DESCRIPTION_BYTES, MAX_NAMED_COLLECTIONS, NewCollection};
pub(crate) use collections::{named_once, need_all};
pub(crate) use embed::{Payer, VectorForm};
pub use in_use::embeddings_in_use;
pub(crate) use keep::SearchKeeper;
pub use plain_parser::PlainParser;
pub(crate) use retrieve::{Retrieval, Retrieved};
pub use search::{MAX_QUERY_BYTES, SearchRequest, SearchResult};
pub use sources::{SourceProgress, SourceView};
pub use upload::{NewSource, SourceDescription, StagedFile, UploadedSource};

/// The use cases of knowledge.
#[derive(Clone)]
pub struct Knowledge {
    pub(crate) app: App,
}
