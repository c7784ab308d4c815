//! The rows of `usage_logs`.

use domain::{
    clock::Timestamp,
    money::Money,
    store::StoreError,
    usage::{AgentType, TokenUsage, UsageLog},
};
use sea_orm::entity::prelude::*;

use crate::values::{column, number, stored};

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

impl Model {
    /// The row of an entry that is written at this time.
    pub(crate) fn new(log: &UsageLog, created_at: Timestamp) -> Result<Self, StoreError> {
        let UsageLog {
            id,
            request_id,
            tenant_id,
            user_id,
            api_key_id,
            conversation_id,
            message_id,
            message_deleted,
            agent_type,
            provider,
            model,
            price_id,
            tokens,
            input_cost,
            output_cost,
            cost,
            is_estimated,
            corrects_id,
            requested_at,
            responded_at,
            duration_ms,
            metadata,
        } = log.clone();
        let TokenUsage { input_tokens, cached_input_tokens, output_tokens, reasoning_tokens } = tokens;
        Ok(Self {
            id: id.0,
            request_id: request_id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.map(|id| id.0),
            api_key_id: api_key_id.map(|id| id.0),
            conversation_id: conversation_id.map(|id| id.0),
            message_id: message_id.map(|id| id.0),
            message_deleted,
            agent_type: agent_type.as_str().to_owned(),
            provider,
            model,
            price_id: price_id.map(|id| id.0),
            input_tokens: column(input_tokens)?,
            cached_input_tokens: column(cached_input_tokens)?,
            output_tokens: column(output_tokens)?,
            reasoning_tokens: column(reasoning_tokens)?,
            total_tokens: column(tokens.total())?,
            input_cost_nano_usd: input_cost.map(|cost| cost.0),
            output_cost_nano_usd: output_cost.map(|cost| cost.0),
            cost_nano_usd: cost.map(|cost| cost.0),
            is_estimated,
            corrects_id: corrects_id.map(|id| id.0),
            requested_at,
            responded_at,
            duration_ms: duration_ms.map(column).transpose()?,
            metadata,
            created_at,
        })
    }
}

impl TryFrom<Model> for UsageLog {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            id,
            request_id,
            tenant_id,
            user_id,
            api_key_id,
            conversation_id,
            message_id,
            message_deleted,
            agent_type,
            provider,
            model,
            price_id,
            input_tokens,
            cached_input_tokens,
            output_tokens,
            reasoning_tokens,
            total_tokens: _,
            input_cost_nano_usd,
            output_cost_nano_usd,
            cost_nano_usd,
            is_estimated,
            corrects_id,
            requested_at,
            responded_at,
            duration_ms,
            metadata,
            created_at: _,
        } = row;
        Ok(Self {
            id: id.into(),
            request_id: request_id.into(),
            tenant_id: tenant_id.into(),
            user_id: user_id.map(Into::into),
            api_key_id: api_key_id.map(Into::into),
            conversation_id: conversation_id.map(Into::into),
            message_id: message_id.map(Into::into),
            message_deleted,
            agent_type: stored(AgentType::parse(&agent_type))?,
            provider,
            model,
            price_id: price_id.map(Into::into),
            tokens: TokenUsage {
                input_tokens: number(input_tokens)?,
                cached_input_tokens: number(cached_input_tokens)?,
                output_tokens: number(output_tokens)?,
                reasoning_tokens: number(reasoning_tokens)?,
            },
            input_cost: input_cost_nano_usd.map(Money),
            output_cost: output_cost_nano_usd.map(Money),
            cost: cost_nano_usd.map(Money),
            is_estimated,
            corrects_id: corrects_id.map(Into::into),
            requested_at,
            responded_at,
            duration_ms: duration_ms.map(number).transpose()?,
            metadata,
        })
    }
}
