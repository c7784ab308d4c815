//! The rows of `provider_calls`.

use domain::{clock::Timestamp, usage::ProviderCall};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped};

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

scoped!(ProviderCall, tenant TenantId, owner UserId);
// Both times are of the first record; a renewal moves `updated_at` to the store's time.
mapping!(ProviderCall { request_id, tenant_id, user_id, api_key_id, conversation_id, message_id, agent_type, provider, model, estimated_input_tokens, requested_at, lease_expires_at },
    row |call| { created_at: call.requested_at, updated_at: call.requested_at });
