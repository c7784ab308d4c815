//! The rows of `conversations`.

use domain::{
    clock::Timestamp,
    conversations::{Conversation, RetrievalChoice},
    money::Money,
    store::StoreError,
    usage::UsageTotals,
};
use sea_orm::entity::prelude::*;

use crate::{
    mapping::{Stored, mapping},
    scope::scoped,
};

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

scoped!(Conversation, tenant TenantId, owner UserId, shown Visibility = "public");
mapping!(Conversation { id, tenant_id, user_id, title, visibility, model, system_prompt, current_message_id, head_version, next_seq, origin, forked_from_conversation_id, archived_at, deleted_at, last_context, message_count, created_at, updated_at },
row |conversation| {
    retrieval: name_of(&conversation.retrieval).to_owned(),
    input_tokens: conversation.totals.input_tokens.to_column()?,
    output_tokens: conversation.totals.output_tokens.to_column()?,
    cost_nano_usd: conversation.totals.cost.to_column()?,
    request_count: conversation.totals.requests.to_column()?,
    unknown_cost_count: conversation.totals.unknown_costs.to_column()?,
},
entity |row| {
    retrieval: choice_of(&row.retrieval)?,
    totals: UsageTotals {
        requests: Stored::from_column(row.request_count)?,
        input_tokens: Stored::from_column(row.input_tokens)?,
        output_tokens: Stored::from_column(row.output_tokens)?,
        cost: Money(row.cost_nano_usd),
        unknown_costs: Stored::from_column(row.unknown_cost_count)?,
    },
});

const ALL: &str = "all";
const COLLECTIONS: &str = "collections";
/// An empty list of collections, for which no rows need to be looked up.
const NONE: &str = "none";

impl Model {
    /// Whether the chosen collections stand in `conversation_collections`. They are no part of the
    /// mapping: the entity has none until they are looked up.
    pub(crate) fn has_collections(&self) -> bool {
        self.retrieval == COLLECTIONS
    }
}

fn name_of(choice: &RetrievalChoice) -> &'static str {
    match choice {
        RetrievalChoice::All => ALL,
        RetrievalChoice::Collections(chosen) if chosen.is_empty() => NONE,
        RetrievalChoice::Collections(_) => COLLECTIONS,
    }
}

fn choice_of(name: &str) -> Result<RetrievalChoice, StoreError> {
    match name {
        ALL => Ok(RetrievalChoice::All),
        COLLECTIONS | NONE => Ok(RetrievalChoice::Collections(Vec::new())),
        _ => Err(StoreError::Corrupt("a conversation's choice of passages is unknown".to_owned())),
    }
}
