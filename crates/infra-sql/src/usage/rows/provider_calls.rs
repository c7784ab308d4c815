//! The rows of `provider_calls`.

use domain::{
    clock::Timestamp,
    store::StoreError,
    usage::{AgentType, ProviderCall},
};
use sea_orm::entity::prelude::*;

use crate::values::{column, number, stored};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_calls")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Option<Uuid>,
    pub api_key_id: Option<Uuid>,
    pub conversation_id: Option<Uuid>,
    pub message_id: Option<Uuid>,
    pub agent_type: String,
    pub provider: String,
    pub model: String,
    pub estimated_input_tokens: i64,
    pub requested_at: Timestamp,
    pub lease_expires_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row of a call that is recorded at this time.
    pub(crate) fn new(call: &ProviderCall, now: Timestamp) -> Result<Self, StoreError> {
        let ProviderCall {
            request_id,
            tenant_id,
            user_id,
            api_key_id,
            conversation_id,
            message_id,
            agent_type,
            provider,
            model,
            estimated_input_tokens,
            requested_at,
            lease_expires_at,
        } = call.clone();
        Ok(Self {
            request_id: request_id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.map(|id| id.0),
            api_key_id: api_key_id.map(|id| id.0),
            conversation_id: conversation_id.map(|id| id.0),
            message_id: message_id.map(|id| id.0),
            agent_type: agent_type.as_str().to_owned(),
            provider,
            model,
            estimated_input_tokens: column(estimated_input_tokens)?,
            requested_at,
            lease_expires_at,
            created_at: now,
            updated_at: now,
        })
    }
}

impl TryFrom<Model> for ProviderCall {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            request_id,
            tenant_id,
            user_id,
            api_key_id,
            conversation_id,
            message_id,
            agent_type,
            provider,
            model,
            estimated_input_tokens,
            requested_at,
            lease_expires_at,
            created_at: _,
            updated_at: _,
        } = row;
        Ok(Self {
            request_id: request_id.into(),
            tenant_id: tenant_id.into(),
            user_id: user_id.map(Into::into),
            api_key_id: api_key_id.map(Into::into),
            conversation_id: conversation_id.map(Into::into),
            message_id: message_id.map(Into::into),
            agent_type: stored(AgentType::parse(&agent_type))?,
            provider,
            model,
            estimated_input_tokens: number(estimated_input_tokens)?,
            requested_at,
            lease_expires_at,
        })
    }
}
