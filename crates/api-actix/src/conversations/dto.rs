//! Shapes of conversations and turns on the wire.

use app::conversations::{NewConversation, OpenedTurn, UsageReport};
use chrono::{DateTime, Utc};
use domain::{
    conversations::{Conversation, RetrievalChoice, Visibility},
    error::ValueError,
    ids::CollectionId,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    list::AtMost,
    openapi::values::{
        CollectionIds, ConversationOrigin, ConversationVisibility, MessageCursor, ModelName, Name, PageCursor,
        PageLimit, SystemPrompt, TitlePart, Usd,
    },
    usage::{TotalsBody, cost_body},
};

/// A conversation to be begun.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Holidays", "model": "banyan/extractive" }))]
pub(crate) struct NewConversationRequest {
    #[schema(value_type = Option<Name>)]
    title: Option<String>,
    #[schema(value_type = Option<ModelName>)]
    model: Option<String>,
    #[schema(value_type = Option<SystemPrompt>)]
    system_prompt: Option<String>,
    /// Where answers look for passages; absent: in all that you may read; empty: nowhere.
    #[schema(value_type = Option<CollectionIds>)]
    collection_ids: Option<AtMost<1_000, Uuid>>,
    /// By default `private`.
    #[schema(value_type = Option<ConversationVisibility>)]
    visibility: Option<String>,
}

impl TryFrom<NewConversationRequest> for NewConversation {
    type Error = ValueError;

    fn try_from(new: NewConversationRequest) -> Result<Self, ValueError> {
        let NewConversationRequest { title, model, system_prompt, collection_ids, visibility } = new;
        let visibility = visibility.as_deref().map(Visibility::parse).transpose()?;
        let collections = collection_ids.map(|ids| ids.into_iter().map(CollectionId).collect());
        Ok(Self { title, model, system_prompt, collections, visibility })
    }
}

/// A conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversationBody {
    id: Uuid,
    user_id: Uuid,
    title: Option<String>,
    #[schema(value_type = ConversationVisibility)]
    visibility: &'static str,
    model: Option<String>,
    system_prompt: Option<String>,
    /// Null: all that the user may read; empty: no retrieval.
    collection_ids: Option<Vec<Uuid>>,
    /// The head: the end of the active branch.
    current_message_id: Option<Uuid>,
    /// For `If-Match`.
    head_version: i64,
    #[schema(value_type = ConversationOrigin)]
    origin: &'static str,
    message_count: i64,
    input_tokens: u64,
    output_tokens: u64,
    /// The sum of the known costs.
    #[schema(value_type = Usd)]
    cost: String,
    /// False when the price of some call is not known.
    cost_complete: bool,
    archived_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&Conversation> for ConversationBody {
    fn from(conversation: &Conversation) -> Self {
        let totals = conversation.totals;
        Self {
            id: conversation.id.0,
            user_id: conversation.user_id.0,
            title: conversation.title.clone(),
            visibility: conversation.visibility.as_str(),
            model: conversation.model.clone(),
            system_prompt: conversation.system_prompt.clone(),
            collection_ids: match &conversation.retrieval {
                RetrievalChoice::All => None,
                RetrievalChoice::Collections(ids) => Some(ids.iter().map(|id| id.0).collect()),
            },
            current_message_id: conversation.current_message_id.map(|id| id.0),
            head_version: conversation.head_version,
            origin: conversation.origin.as_str(),
            message_count: conversation.message_count,
            input_tokens: totals.input_tokens,
            output_tokens: totals.output_tokens,
            cost: totals.cost.to_usd(),
            cost_complete: totals.unknown_costs == 0,
            archived_at: conversation.archived_at,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
        }
    }
}

/// Most bytes of the part of a title that is looked for.
pub(crate) const MAX_TITLE_PART_BYTES: usize = 1024;

/// Which conversations are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConversationQuery {
    /// Only those whose title holds this text.
    #[param(value_type = Option<TitlePart>)]
    pub(crate) q: Option<String>,
    /// Only of this origin; by default all but `openai`.
    #[param(value_type = Option<ConversationOrigin>)]
    pub(crate) origin: Option<String>,
    /// Also those of others that you may read.
    pub(crate) include_others: Option<bool>,
    /// Also archived ones.
    pub(crate) include_archived: Option<bool>,
    /// Most items of the page.
    #[param(value_type = Option<PageLimit>)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<PageCursor>)]
    pub(crate) cursor: Option<String>,
}

/// Which messages are read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// All live messages by `seq`, instead of the active branch.
    pub(crate) tree: Option<bool>,
    /// Most items of the page.
    #[param(value_type = Option<PageLimit>)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before. On the branch it leads to older messages.
    #[param(value_type = Option<MessageCursor>)]
    pub(crate) cursor: Option<String>,
}

/// Which branch to show.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "exact": true }))]
pub(crate) struct SwitchRequest {
    /// Make the message itself the head, instead of the leaf below it.
    pub(crate) exact: Option<bool>,
}

/// Where the head stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeadBody {
    current_message_id: Option<Uuid>,
    head_version: i64,
}

impl From<&app::conversations::Head> for HeadBody {
    fn from(head: &app::conversations::Head) -> Self {
        Self { current_message_id: head.current_message_id.map(|id| id.0), head_version: head.head_version }
    }
}

/// A message by its id.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct MessageRef {
    id: Uuid,
}

/// A turn that has been opened.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct OpenedBody {
    user_message: MessageRef,
    assistant_messages: Vec<MessageRef>,
    /// One stream an answer, in the same order.
    pub(crate) stream_ids: Vec<Uuid>,
    conversation_id: Uuid,
    current_message_id: Uuid,
    head_version: i64,
}

impl From<&OpenedTurn> for OpenedBody {
    fn from(turn: &OpenedTurn) -> Self {
        Self {
            user_message: MessageRef { id: turn.user_message_id.0 },
            assistant_messages: turn.answers.iter().map(|(answer, _)| MessageRef { id: answer.0 }).collect(),
            stream_ids: turn.answers.iter().map(|(_, stream)| stream.0).collect(),
            conversation_id: turn.conversation_id.0,
            current_message_id: turn.current_message_id.0,
            head_version: turn.head_version,
        }
    }
}

/// What a conversation cost: `total` is the exact sum of the others.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageReportBody {
    total: TotalsBody,
    /// Answers on the active branch.
    on_path: TotalsBody,
    /// Answers on other branches, and deleted ones.
    off_path: TotalsBody,
    /// Titles, routing, embeddings of questions.
    overhead: TotalsBody,
}

impl From<UsageReport> for UsageReportBody {
    fn from(UsageReport { total, on_path, off_path, overhead }: UsageReport) -> Self {
        Self { total: total.into(), on_path: on_path.into(), off_path: off_path.into(), overhead: overhead.into() }
    }
}

/// Tokens and cost of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageBody {
    input_tokens: u64,
    output_tokens: u64,
    /// Null when the price is not known.
    #[schema(value_type = Option<Usd>)]
    cost: Option<String>,
}

impl UsageBody {
    pub(crate) fn new(tokens: domain::usage::TokenUsage, cost: Option<domain::money::Money>) -> Self {
        Self { input_tokens: tokens.input_tokens, output_tokens: tokens.output_tokens, cost: cost_body(cost) }
    }
}
