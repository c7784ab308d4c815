//! Citations: quotations of chunks in answers.

use crate::{
    clock::Timestamp,
    ids::{ChunkId, CitationId, ConversationId, MessageId, SourceId, SourceVersionId, TenantId},
    names::names,
};

/// A quotation of a chunk in an answer. The quote stands in the chunk, letter by letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// Its id.
    pub id: CitationId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The conversation of the answer.
    pub conversation_id: ConversationId,
    /// The answer.
    pub message_id: MessageId,
    /// The number in the answer's text, from 1.
    pub index: u32,
    /// The chunk; `None` once it is deleted.
    pub chunk_id: Option<ChunkId>,
    /// The source; `None` once it is deleted.
    pub source_id: Option<SourceId>,
    /// The version; `None` once it is deleted.
    pub source_version_id: Option<SourceVersionId>,
    /// The file's name at the time.
    pub filename: String,
    /// The page, where the format has pages.
    pub page: Option<u32>,
    /// The quoted words.
    pub quote: String,
    /// First Unicode scalar value of the quote in the version's extracted text.
    pub quote_start: u32,
    /// One past the last.
    pub quote_end: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

names! {
    /// What a citation is worth when it is read later.
    pub enum CitationStanding ("standing") {
        /// Its version is the current one.
        Current = "current",
        /// A newer version has taken its place.
        Superseded = "superseded",
        /// The source is gone.
        Deleted = "deleted",
        /// The reader may no longer read the source; the words are not told.
        AccessRevoked = "access_revoked",
    }
}

/// A citation as a reader sees it now. With [`CitationStanding::AccessRevoked`] the backend has
/// blanked `quote` and `filename` already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CitedPassage {
    /// The citation.
    pub citation: Citation,
    /// What it is worth.
    pub standing: CitationStanding,
}
