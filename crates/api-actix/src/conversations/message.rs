//! A message on the wire.

use app::conversations::MessageView;
use chrono::{DateTime, Utc};
use domain::{conversations::Part, knowledge::CitedPassage};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{dto::HeadBody, event::FailureBody};
use crate::{
    openapi::values::{CitationStandingName, MessageRoleName, MessageStatusName, ProviderFields, Usd},
    usage::cost_body,
};

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
    #[schema(value_type = CitationStandingName)]
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

/// A part of a message.
#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "describes in the OpenAPI document how parts are written")]
pub(crate) enum PartBody {
    /// Words, Markdown by custom.
    #[schema(title = "TextPart")]
    Text { text: String },
    /// The model's reasoning.
    #[schema(title = "ReasoningPart")]
    Reasoning { text: String },
    /// A picture.
    #[schema(title = "ImagePart")]
    Image { file_id: Uuid },
    /// A file.
    #[schema(title = "FilePart")]
    File { file_id: Uuid },
    /// A call of a tool by the model.
    #[schema(title = "ToolCallPart")]
    ToolCall {
        id: String,
        name: String,
        /// Its arguments as JSON text.
        arguments: String,
        /// What else the provider says of the call; left out where that is nothing.
        #[schema(value_type = ProviderFields, required = false)]
        extra: Map<String, Value>,
    },
    /// What a tool answered.
    #[schema(title = "ToolResultPart")]
    ToolResult {
        /// The call that it answers.
        tool_call_id: String,
        content: String,
    },
    /// What the provider says of its answer beside the rest; each is left out where that is nothing.
    #[schema(title = "ExtraPart")]
    Extra {
        /// Further fields of the message.
        #[schema(value_type = ProviderFields, required = false)]
        message: Map<String, Value>,
        /// Further fields of its choice.
        #[schema(value_type = ProviderFields, required = false)]
        choice: Map<String, Value>,
        /// Further fields of the answer as a whole, such as `citations`.
        #[schema(value_type = ProviderFields, required = false)]
        answer: Map<String, Value>,
    },
    /// A source of the answer.
    #[schema(title = "SourcePart")]
    Source {
        /// The citation's number, from 1.
        citation_index: u32,
    },
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageBody {
    id: Uuid,
    conversation_id: Uuid,
    parent_id: Option<Uuid>,
    #[schema(value_type = MessageRoleName)]
    role: &'static str,
    #[schema(value_type = MessageStatusName)]
    status: &'static str,
    #[schema(value_type = Vec<PartBody>)]
    parts: Vec<Part>,
    /// Its place in the conversation's history.
    seq: i64,
    /// Its ordinal among its siblings, from 1, given once.
    version: i32,
    siblings: SiblingsBody,
    model: Option<String>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    /// Null when the price is not known.
    #[schema(value_type = Option<Usd>)]
    cost: Option<String>,
    citations: Vec<CitationBody>,
    finish_reason: Option<String>,
    /// Why it failed.
    #[schema(value_type = Option<FailureBody>)]
    error: Option<Value>,
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
