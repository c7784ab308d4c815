//! Sources and their versions.

use crate::{
    clock::Timestamp,
    gateways::BlobKey,
    ids::{CollectionId, SourceId, SourceVersionId, TenantId, UserId},
    knowledge::{ChunkingSettings, CollectionVisibility},
    names::names,
};

names! {
    /// Where the processing of a source or a version stands.
    pub enum ProcessingStatus ("status") {
        /// Stored; work has not begun.
        Uploaded = "uploaded",
        /// Being worked on.
        Processing = "processing",
        /// Can be found.
        Processed = "processed",
        /// Failed; the error says why.
        Error = "error",
    }
}

impl ProcessingStatus {
    /// Whether the step is allowed: `uploaded → processing → processed | error`, `error → processing`.
    /// The database has the same rule.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Uploaded | Self::Error, Self::Processing) | (Self::Processing, Self::Processed | Self::Error)
        )
    }
}

/// A document of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its collection.
    pub collection_id: CollectionId,
    /// Who uploaded it; `None`: it belongs to the tenant.
    pub user_id: Option<UserId>,
    /// Its name for people; at first the file name.
    pub name: String,
    /// `None`: as its collection; may only narrow.
    pub visibility: Option<CollectionVisibility>,
    /// The file name as uploaded: data, never a path.
    pub filename: String,
    /// Where the file is kept.
    pub storage_key: BlobKey,
    /// What keeps it (`local`).
    pub storage_type: String,
    /// Told from its bytes.
    pub mime_type: String,
    /// Its length.
    pub size_bytes: u64,
    /// SHA-256 of the file in hexadecimal; unique in the collection.
    pub content_hash: String,
    /// Where processing stands.
    pub status: ProcessingStatus,
    /// Why it failed, as a sentence that says what to do.
    pub error: Option<String>,
    /// When it could first be found.
    pub processed_at: Option<Timestamp>,
    /// The version that is found; `None` before the first is published.
    pub current_version_id: Option<SourceVersionId>,
    /// The caller's own.
    pub metadata: serde_json::Value,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// One indexed form of a source: of a content, a chunking and an embedding model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceVersion {
    /// Its id.
    pub id: SourceVersionId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its source.
    pub source_id: SourceId,
    /// Its collection, as the source's.
    pub collection_id: CollectionId,
    /// Counts from 1 within the source.
    pub version: i32,
    /// Where processing stands.
    pub status: ProcessingStatus,
    /// Why it failed.
    pub error: Option<String>,
    /// SHA-256 of the file it was made from.
    pub content_hash: String,
    /// Where the extracted text and blocks are kept (JSON of a `ParsedDocument`).
    pub text_storage_key: Option<BlobKey>,
    /// Unicode scalar values of the extracted text.
    pub character_count: u64,
    /// Pages, where the format has them.
    pub page_count: Option<u32>,
    /// The charset that the file was read in, where it is text: told by the file or guessed.
    pub charset: Option<String>,
    /// How it was cut.
    pub chunking: ChunkingSettings,
    /// Chunks made.
    pub chunk_count: u64,
    /// Full name of the embedding model; `None`: lexical only.
    pub embedding_model: Option<String>,
    /// Length of its vectors.
    pub embedding_dimension: Option<u32>,
    /// When it became the current one.
    pub published_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
