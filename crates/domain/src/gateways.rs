//! Ports to what lies outside: models, embedders, files, parsers, the index, other instances.

mod answer_extra;
pub mod blob_store;
pub mod chat_model;
pub mod chunk_index;
pub mod document_parser;
pub mod embedder;
pub mod wakeups;

pub use answer_extra::AnswerExtra;
pub use blob_store::{BlobError, BlobKey, BlobStore, ByteStream};
pub use chat_model::{
    ChatDelta, ChatModel, ChatModels, ChatOptions, ChatRequest, ChatStream, Extra, GatewayError, GatewayErrorKind,
    MAX_EXTRA_BYTES, ModelDescription, ModelName, Passage, PromptMessage, PromptRole, ToolCall,
};
pub use chunk_index::{ChunkIndex, IndexEntry, IndexHit, Readable};
pub use document_parser::{DocumentParser, ParseError, ParseErrorKind, ParsedDocument};
pub use embedder::{Embedder, EmbeddingInput, EmbeddingModel, EmbeddingPurpose, Embeddings};
pub use wakeups::{Topic, Wakeups};
