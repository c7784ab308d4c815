//! Searches and what they found.

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{ChunkId, ConversationId, MessageId, RetrievalRunId, TenantId, UserId},
    names::names,
};

/// Passages that go to a model or to a caller who names no number.
pub const DEFAULT_PASSAGES: u32 = 8;
/// Most passages of one search.
pub const MAX_PASSAGES: u32 = 50;
/// Hits taken from each part of a hybrid search before fusion.
pub const CANDIDATES: u32 = 50;

names! {
    /// Which parts a search uses.
    pub enum RetrievalMode ("mode") {
        /// Vectors and words, fused.
        Hybrid = "hybrid",
        /// Vectors only.
        Vector = "vector",
        /// Words only.
        Lexical = "lexical",
    }
}

/// One search, kept so that it can be explained and repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrievalRun {
    /// Its id.
    pub id: RetrievalRunId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Who searched.
    pub user_id: Option<UserId>,
    /// The conversation it was done for.
    pub conversation_id: Option<ConversationId>,
    /// The answer it was done for.
    pub message_id: Option<MessageId>,
    /// The question.
    pub query: String,
    /// Which parts were used in fact (a hybrid search without vectors is lexical).
    pub mode: RetrievalMode,
    /// Fusion, candidates, filters, as data.
    pub parameters: serde_json::Value,
    /// Full name of the embedding model.
    pub embedding_model: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
    /// When it was done.
    pub created_at: Timestamp,
}

protected!(RetrievalRun: Knowledge, tenant |row| Some(row.tenant_id), owner |row| row.user_id, adding ByActor);

/// A chunk that a search found, with all its ranks. It names the chunk as it was; the chunk may be gone since.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct RetrievalHit {
    /// The chunk.
    pub chunk_id: ChunkId,
    /// Its rank in the answer, from 1.
    pub rank: u32,
    /// Its fused score.
    pub score: f64,
    /// Its rank among the vectors.
    pub vector_rank: Option<u32>,
    /// Its cosine similarity.
    pub vector_score: Option<f64>,
    /// Its rank among the words.
    pub lexical_rank: Option<u32>,
    /// Its lexical score.
    pub lexical_score: Option<f64>,
    /// It was given to the caller or the model.
    pub is_used: bool,
}
