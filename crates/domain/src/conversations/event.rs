//! What happens in a turn, as stored in `stream_events` and told to clients.

use serde::{Deserialize, Serialize};

use crate::{
    conversations::TurnFailure,
    gateways::{AnswerExtra, Extra},
    ids::{ChunkId, ConversationId, MessageId, SourceId, StreamId},
    money::Money,
    names::names,
    usage::TokenUsage,
};

/// A passage as a client sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievedItem {
    /// The chunk.
    pub chunk_id: ChunkId,
    /// Its source.
    pub source_id: SourceId,
    /// The file's name.
    pub filename: String,
    /// Its text.
    pub content: String,
    /// Its fused score.
    pub score: f64,
    /// The page, from 1.
    pub page: Option<u32>,
    /// The headings above it, joined by ` > `.
    pub heading: Option<String>,
    /// First Unicode scalar value in the version's text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

names! {
    /// One event of a turn. Stored as JSON; old forms stay readable.
    #[derive(Debug, Clone, PartialEq)]
    #[serde(tag = "type")]
    pub enum TurnEvent {
        /// The turn is open: its messages and stream exist.
        TurnStarted = "turn.started" {
            /// The question (on regenerate the existing one).
            user_message_id: MessageId,
            /// The answer.
            assistant_message_id: MessageId,
            /// This stream.
            stream_id: StreamId,
            /// The conversation.
            conversation_id: ConversationId,
            /// The head's version after opening.
            head_version: i64,
        },
        /// The passages given to the model, numbered from 1 in this order.
        RetrievalCompleted = "retrieval.completed" {
            /// The passages.
            items: Vec<RetrievedItem>,
        },
        /// A piece of the model's reasoning.
        ReasoningDelta = "reasoning.delta" {
            /// The piece.
            text: String,
        },
        /// A piece of the answer.
        TextDelta = "text.delta" {
            /// The piece.
            text: String,
        },
        /// The model calls a tool.
        ToolCall = "tool.call" {
            /// The model's id for the call.
            id: String,
            /// The tool.
            name: String,
            /// Its arguments as JSON text.
            arguments: String,
            /// What else the provider says of it and wants back.
            #[serde(default, skip_serializing_if = "Extra::is_empty")]
            extra: Extra,
        },
        /// The provider says more of its answer.
        AnswerExtra = "answer.extra" {
            /// The fields.
            #[serde(flatten)]
            extra: AnswerExtra,
        },
        /// A passage is cited in the answer.
        CitationAdded = "citation.added" {
            /// Its number in the text.
            index: u32,
            /// The chunk.
            chunk_id: ChunkId,
            /// Its source.
            source_id: SourceId,
            /// The file's name.
            filename: String,
            /// The page.
            page: Option<u32>,
            /// The quoted words.
            quote: String,
        },
        /// The answer is whole and settled. Last.
        TurnCompleted = "turn.completed" {
            /// Tokens.
            usage: TokenUsage,
            /// Cost; `None`: unknown.
            cost: Option<Money>,
            /// Why the model stopped.
            finish_reason: Option<String>,
        },
        /// The turn failed or was interrupted. Last.
        TurnFailed = "turn.failed" {
            /// Why.
            error: TurnFailure,
        },
        /// The turn was stopped by its reader. Last.
        TurnStopped = "turn.stopped" {},
    }
}

impl TurnEvent {
    /// Whether nothing comes after it.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self, Self::TurnCompleted { .. } | Self::TurnFailed { .. } | Self::TurnStopped {})
    }

    /// Bytes of what the model wrote in it.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::TextDelta { text } | Self::ReasoningDelta { text } => text.len(),
            Self::ToolCall { arguments, .. } => arguments.len(),
            Self::AnswerExtra { extra } => extra.bytes(),
            _ => 0,
        }
    }
}
