//! Shapes of conversations and turns on the wire.

use app::conversations::{NewConversation, NewMessage, OpenedTurn, UsageReport};
use chrono::{DateTime, Utc};
use domain::{
    conversations::{Conversation, Part, Parts, RetrievalChoice, Visibility},
    error::ValueError,
    ids::{CollectionId, MessageId},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    list::AtMost,
    usage::{TotalsBody, cost_body},
};

/// A conversation to be begun.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "title": "Holidays", "model": "banyan/extractive" }))]
pub(crate) struct NewConversationRequest {
    title: Option<String>,
    /// `<provider>/<model>`, or a bare model name where it is unambiguous.
    model: Option<String>,
    /// Instructions that stand before every prompt.
    system_prompt: Option<String>,
    /// Where answers look for passages; absent: in all that you may read; empty: nowhere.
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 100)]
    collection_ids: Option<AtMost<1_000, Uuid>>,
    /// `private` (the default) or `public` inside the tenant.
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
    visibility: &'static str,
    model: Option<String>,
    system_prompt: Option<String>,
    /// Null: all that the user may read; empty: no retrieval.
    collection_ids: Option<Vec<Uuid>>,
    /// The head: the end of the active branch.
    current_message_id: Option<Uuid>,
    /// For `If-Match`.
    head_version: i64,
    origin: &'static str,
    message_count: i64,
    input_tokens: u64,
    output_tokens: u64,
    /// USD with nine places; the sum of the known costs.
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

/// Which conversations are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConversationQuery {
    /// Only those whose title holds this text.
    pub(crate) q: Option<String>,
    /// Only of this origin: `app`, `openai`, `import` or `fork`; by default all but `openai`.
    pub(crate) origin: Option<String>,
    /// Also those of others that you may read.
    pub(crate) include_others: Option<bool>,
    /// Also archived ones.
    pub(crate) include_archived: Option<bool>,
    /// Most items of the page, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// Which messages are read.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MessagesQuery {
    /// All live messages by `seq`, instead of the active branch.
    pub(crate) tree: Option<bool>,
    /// Most items of the page, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before. On the branch it leads to older messages.
    pub(crate) cursor: Option<String>,
}

/// A part that is written as an object: serde takes a tagged enumeration from an array, too.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct PartObject(Part);

impl TryFrom<Map<String, Value>> for PartObject {
    type Error = serde_json::Error;

    fn try_from(fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        serde_json::from_value(Value::Object(fields)).map(Self)
    }
}

/// A message to be sent or edited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "content": "How many days of holiday are there?" }))]
pub(crate) struct MessageRequest {
    /// Short for one text part.
    content: Option<String>,
    /// What it says, in parts.
    #[schema(value_type = Option<Vec<Object>>)]
    parts: Option<Vec<PartObject>>,
    /// The message it goes under; absent: the head.
    parent_id: Option<Uuid>,
    /// The model of the answer.
    model: Option<String>,
    /// Several models, one answer each.
    #[schema(value_type = Option<Vec<String>>, max_items = 8)]
    models: Option<AtMost<64, String>>,
}

impl MessageRequest {
    pub(crate) fn into_message(self, expected_head: Option<i64>) -> Result<NewMessage, ValueError> {
        let Self { content, parts, parent_id, model, models } = self;
        let parts = match (content, parts) {
            (Some(content), None) => Parts::text(content),
            (None, Some(parts)) => Parts(parts.into_iter().map(|PartObject(part)| part).collect()),
            _ => return Err(ValueError::new("content", "content_or_parts", "send either 'content' or 'parts'")),
        };
        Ok(NewMessage {
            parts,
            parent_id: parent_id.map(MessageId),
            models: models_of(model, models)?,
            expected_head,
            ..NewMessage::default()
        })
    }
}

/// A message to be answered again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "model": "banyan/extractive" }))]
pub(crate) struct RegenerateRequest {
    /// The model of the new answer.
    model: Option<String>,
    /// Several models, one answer each.
    #[schema(value_type = Option<Vec<String>>, max_items = 8)]
    models: Option<AtMost<64, String>>,
}

impl RegenerateRequest {
    pub(crate) fn into_models(self) -> Result<Vec<String>, ValueError> {
        models_of(self.model, self.models)
    }
}

fn models_of(model: Option<String>, models: Option<AtMost<64, String>>) -> Result<Vec<String>, ValueError> {
    match (model, models) {
        (Some(_), Some(_)) => Err(ValueError::new("models", "model_or_models", "send either 'model' or 'models'")),
        (Some(model), None) => Ok(vec![model]),
        (None, Some(models)) if models.0.is_empty() => Err(ValueError::new("models", "empty", "must name a model")),
        (None, models) => Ok(models.unwrap_or_default().0),
    }
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
    /// USD with nine places; null when the price is not known.
    cost: Option<String>,
}

impl UsageBody {
    pub(crate) fn new(tokens: domain::usage::TokenUsage, cost: Option<domain::money::Money>) -> Self {
        Self { input_tokens: tokens.input_tokens, output_tokens: tokens.output_tokens, cost: cost_body(cost) }
    }
}
