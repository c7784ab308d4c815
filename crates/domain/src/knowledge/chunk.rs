//! Chunks: the passages that are found and cited. Their rows never change.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    ids::{ChunkId, CollectionId, SourceId, SourceVersionId, TenantId},
};

/// How a document is cut. Sizes are tokens of the embedding model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChunkingSettings {
    /// What a chunk aims at.
    pub target_tokens: u32,
    /// What a chunk never exceeds (nor the model's window, where that is smaller).
    pub max_tokens: u32,
    /// What neighbours of one section share.
    pub overlap_tokens: u32,
}

impl Default for ChunkingSettings {
    fn default() -> Self {
        Self { target_tokens: 512, max_tokens: 800, overlap_tokens: 64 }
    }
}

/// A passage of a source version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its id.
    pub id: ChunkId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its collection.
    pub collection_id: CollectionId,
    /// Its source.
    pub source_id: SourceId,
    /// Its version.
    pub source_version_id: SourceVersionId,
    /// Its place in the version, from 0.
    pub ordinal: u32,
    /// Its text, exactly `start..end` of the extracted text.
    pub content: String,
    /// The headings above it, outermost first; prefixed to what is embedded.
    pub heading_path: Vec<String>,
    /// Page of its start, from 1.
    pub page: Option<u32>,
    /// First Unicode scalar value in the version's extracted text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Tokens of what is embedded.
    pub token_count: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Chunk {
    /// The text that is embedded: the heading path, then the content.
    #[must_use]
    pub fn embedded_text(&self) -> String {
        embedded_text(&self.heading_path, &self.content)
    }
}

/// The text that is embedded for a content below these headings.
#[must_use]
pub fn embedded_text(heading_path: &[String], content: &str) -> String {
    if heading_path.is_empty() { content.to_owned() } else { format!("{}\n\n{content}", heading_path.join(" > ")) }
}
