//! Collections, sources, chunks, retrieval and citations.

pub mod chunk;
pub mod chunking;
pub mod citation;
pub mod collection;
pub mod document;
pub mod fusion;
pub mod markdown;
pub mod quote;
pub mod repo;
pub mod retrieval;
mod scalars;
pub mod source;
pub mod words;

pub use chunk::{Chunk, ChunkingSettings};
pub use citation::{Citation, CitationStanding, CitedPassage};
pub use collection::{Collection, CollectionVisibility};
pub use document::{Block, BlockKind};
pub use fusion::Fusion;
pub use repo::{ChunkRepo, CollectionRepo, RetrievalRepo, SourceRepo, VersionProgress};
pub use retrieval::{RetrievalHit, RetrievalMode, RetrievalRun};
pub use source::{ProcessingStatus, Source, SourceVersion};
