//! The rows of `usage_logs`.

use domain::{
    clock::Timestamp,
    usage::{TokenUsage, UsageLog},
};
use sea_orm::entity::prelude::*;

use crate::{
    mapping::{Stored, mapping},
    scope::scoped,
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_logs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub request_id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Option<Uuid>,
    pub api_key_id: Option<Uuid>,
    pub conversation_id: Option<Uuid>,
    pub message_id: Option<Uuid>,
    pub message_deleted: bool,
    pub agent_type: String,
    pub provider: String,
    pub model: String,
    pub price_id: Option<Uuid>,
    pub input_tokens: i64,
    pub cached_input_tokens: i64,
    pub output_tokens: i64,
    pub reasoning_tokens: i64,
    pub total_tokens: i64,
    pub input_cost_nano_usd: Option<i64>,
    pub output_cost_nano_usd: Option<i64>,
    pub cost_nano_usd: Option<i64>,
    pub is_estimated: bool,
    pub corrects_id: Option<Uuid>,
    pub requested_at: Timestamp,
    pub responded_at: Option<Timestamp>,
    pub duration_ms: Option<i64>,
    pub metadata: Json,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(UsageLog, tenant TenantId, owner UserId);
mapping!(UsageLog { id, request_id, tenant_id, user_id, api_key_id, conversation_id, message_id, message_deleted, agent_type, provider, model, price_id, input_cost: input_cost_nano_usd, output_cost: output_cost_nano_usd, cost: cost_nano_usd, is_estimated, corrects_id, requested_at, responded_at, duration_ms, metadata },
row |log| {
    input_tokens: log.tokens.input_tokens.to_column()?,
    cached_input_tokens: log.tokens.cached_input_tokens.to_column()?,
    output_tokens: log.tokens.output_tokens.to_column()?,
    reasoning_tokens: log.tokens.reasoning_tokens.to_column()?,
    total_tokens: log.tokens.total().to_column()?,
    created_at: log.requested_at,
},
entity |row| {
    tokens: TokenUsage {
        input_tokens: Stored::from_column(row.input_tokens)?,
        cached_input_tokens: Stored::from_column(row.cached_input_tokens)?,
        output_tokens: Stored::from_column(row.output_tokens)?,
        reasoning_tokens: Stored::from_column(row.reasoning_tokens)?,
    },
});
