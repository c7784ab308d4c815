//! A message on the wire.

use app::conversations::MessageView;
use chrono::{DateTime, Utc};
use domain::{conversations::Part, knowledge::CitedPassage};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::dto::HeadBody;
use crate::usage::cost_body;

/// The place of a message among its living siblings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SiblingsBody {
    /// Its place, from 0.
    index: usize,
    count: usize,
    /// By `seq`, the message included.
    ids: Vec<Uuid>,
}

/// A quotation of a passage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CitationBody {
    /// The number in the answer's text.
    index: u32,
    /// `current`, `superseded`, `deleted` or `access_revoked` (then without words).
    standing: &'static str,
    chunk_id: Option<Uuid>,
    source_id: Option<Uuid>,
    filename: String,
    page: Option<u32>,
    quote: String,
    /// First Unicode scalar value of the quote in the version's extracted text.
    start: u32,
    /// One past the last.
    end: u32,
}

impl From<&CitedPassage> for CitationBody {
    fn from(cited: &CitedPassage) -> Self {
        let citation = &cited.citation;
        Self {
            index: citation.index,
            standing: cited.standing.as_str(),
            chunk_id: citation.chunk_id.map(|id| id.0),
            source_id: citation.source_id.map(|id| id.0),
            filename: citation.filename.clone(),
            page: citation.page,
            quote: citation.quote.clone(),
            start: citation.quote_start,
            end: citation.quote_end,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageBody {
    id: Uuid,
    conversation_id: Uuid,
    parent_id: Option<Uuid>,
    /// `system`, `user`, `assistant` or `tool`.
    role: &'static str,
    /// `pending`, `streaming`, `complete`, `stopped`, `error` or `interrupted`.
    status: &'static str,
    #[schema(value_type = Vec<Object>)]
    parts: Vec<Part>,
    /// Its place in the conversation's history.
    seq: i64,
    /// Its ordinal among its siblings, from 1, given once.
    version: i32,
    siblings: SiblingsBody,
    model: Option<String>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    /// USD with nine places; null when the price is not known.
    cost: Option<String>,
    citations: Vec<CitationBody>,
    finish_reason: Option<String>,
    /// Why it failed: `{code, message}`.
    error: Option<serde_json::Value>,
    edited_from_id: Option<Uuid>,
    regenerated_from_id: Option<Uuid>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&MessageView> for MessageBody {
    fn from(view: &MessageView) -> Self {
        let message = &view.message;
        let index = view.siblings.iter().position(|id| *id == message.id).unwrap_or_default();
        let ids: Vec<Uuid> = view.siblings.iter().map(|id| id.0).collect();
        Self {
            id: message.id.0,
            conversation_id: message.conversation_id.0,
            parent_id: message.parent_id.map(|id| id.0),
            role: message.role.as_str(),
            status: message.status.as_str(),
            parts: message.parts.0.clone(),
            seq: message.seq,
            version: message.version,
            siblings: SiblingsBody { index, count: ids.len(), ids },
            model: message.model.clone(),
            input_tokens: message.input_tokens,
            output_tokens: message.output_tokens,
            cost: cost_body(message.cost),
            citations: view.citations.iter().map(CitationBody::from).collect(),
            finish_reason: message.finish_reason.clone(),
            error: message.error.clone(),
            edited_from_id: message.edited_from_id.map(|id| id.0),
            regenerated_from_id: message.regenerated_from_id.map(|id| id.0),
            created_at: message.created_at,
            updated_at: message.updated_at,
        }
    }
}

/// A page of messages, with the head.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessagesBody {
    pub(crate) items: Vec<MessageBody>,
    /// On the branch it leads to older messages, on the tree to later ones.
    pub(crate) next_cursor: Option<String>,
    #[serde(flatten)]
    pub(crate) head: HeadBody,
}
