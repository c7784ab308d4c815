//! The rows of `streams`.

use domain::{clock::Timestamp, conversations::Stream};
use sea_orm::entity::prelude::*;

use crate::mapping::mapping;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "streams")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
    pub message_id: Uuid,
    pub user_id: Uuid,
    pub api_key_id: Option<Uuid>,
    pub request_id: Uuid,
    pub estimated_input_tokens: Option<i64>,
    pub state: String,
    pub epoch: i64,
    pub lease_expires_at: Timestamp,
    pub stop_requested_at: Option<Timestamp>,
    pub last_event: i64,
    pub ended_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

mapping!(Stream {
    id,
    tenant_id,
    conversation_id,
    message_id,
    user_id,
    api_key_id,
    request_id,
    estimated_input_tokens,
    state,
    epoch,
    lease_expires_at,
    stop_requested_at,
    last_event,
    ended_at,
    created_at,
    updated_at
});
