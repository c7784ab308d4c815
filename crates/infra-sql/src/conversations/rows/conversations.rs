//! The rows of `conversations`.

use domain::{
    clock::Timestamp,
    conversations::{Conversation, Origin, RetrievalChoice, Visibility},
    ids::CollectionId,
    money::Money,
    store::StoreError,
    usage::UsageTotals,
};
use sea_orm::entity::prelude::*;

use crate::values::{column, from_json, number, stored, to_json};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "conversations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Uuid,
    pub title: Option<String>,
    pub visibility: String,
    pub model: Option<String>,
    pub system_prompt: Option<String>,
    pub retrieval: String,
    pub current_message_id: Option<Uuid>,
    pub head_version: i64,
    pub next_seq: i64,
    pub origin: String,
    pub forked_from_conversation_id: Option<Uuid>,
    pub archived_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub last_context: Option<Json>,
    pub message_count: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cost_nano_usd: i64,
    pub request_count: i64,
    pub unknown_cost_count: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether the chosen collections stand in `conversation_collections`.
    pub(crate) fn has_collections(&self) -> bool {
        self.retrieval == COLLECTIONS
    }

    /// The entity, with its chosen collections.
    pub(crate) fn into_entity(self, collections: Vec<CollectionId>) -> Result<Conversation, StoreError> {
        let Self {
            id,
            tenant_id,
            user_id,
            title,
            visibility,
            model,
            system_prompt,
            retrieval,
            current_message_id,
            head_version,
            next_seq,
            origin,
            forked_from_conversation_id,
            archived_at,
            deleted_at,
            last_context,
            message_count,
            input_tokens,
            output_tokens,
            cost_nano_usd,
            request_count,
            unknown_cost_count,
            created_at,
            updated_at,
        } = self;
        let retrieval = match retrieval.as_str() {
            ALL => RetrievalChoice::All,
            COLLECTIONS | NONE => RetrievalChoice::Collections(collections),
            _ => return Err(StoreError::Corrupt("a conversation's choice of passages is unknown".to_owned())),
        };
        Ok(Conversation {
            id: id.into(),
            tenant_id: tenant_id.into(),
            user_id: user_id.into(),
            title,
            visibility: stored(Visibility::parse(&visibility))?,
            model,
            system_prompt,
            retrieval,
            current_message_id: current_message_id.map(Into::into),
            head_version,
            next_seq,
            origin: stored(Origin::parse(&origin))?,
            forked_from_conversation_id: forked_from_conversation_id.map(Into::into),
            archived_at,
            deleted_at,
            last_context: last_context.map(from_json).transpose()?,
            message_count,
            totals: UsageTotals {
                requests: number(request_count)?,
                input_tokens: number(input_tokens)?,
                output_tokens: number(output_tokens)?,
                cost: Money(cost_nano_usd),
                unknown_costs: number(unknown_cost_count)?,
            },
            created_at,
            updated_at,
        })
    }
}

const ALL: &str = "all";
const COLLECTIONS: &str = "collections";
/// An empty list of collections, for which no rows need to be looked up.
const NONE: &str = "none";

impl TryFrom<&Conversation> for Model {
    type Error = StoreError;

    fn try_from(conversation: &Conversation) -> Result<Self, StoreError> {
        let Conversation {
            id,
            tenant_id,
            user_id,
            title,
            visibility,
            model,
            system_prompt,
            retrieval,
            current_message_id,
            head_version,
            next_seq,
            origin,
            forked_from_conversation_id,
            archived_at,
            deleted_at,
            last_context,
            message_count,
            totals: UsageTotals { requests, input_tokens, output_tokens, cost, unknown_costs },
            created_at,
            updated_at,
        } = conversation.clone();
        let retrieval = match retrieval {
            RetrievalChoice::All => ALL,
            RetrievalChoice::Collections(chosen) if chosen.is_empty() => NONE,
            RetrievalChoice::Collections(_) => COLLECTIONS,
        };
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.0,
            title,
            visibility: visibility.as_str().to_owned(),
            model,
            system_prompt,
            retrieval: retrieval.to_owned(),
            current_message_id: current_message_id.map(|id| id.0),
            head_version,
            next_seq,
            origin: origin.as_str().to_owned(),
            forked_from_conversation_id: forked_from_conversation_id.map(|id| id.0),
            archived_at,
            deleted_at,
            last_context: last_context.map(|tokens| to_json(&tokens)).transpose()?,
            message_count,
            input_tokens: column(input_tokens)?,
            output_tokens: column(output_tokens)?,
            cost_nano_usd: cost.0,
            request_count: column(requests)?,
            unknown_cost_count: column(unknown_costs)?,
            created_at,
            updated_at,
        })
    }
}
