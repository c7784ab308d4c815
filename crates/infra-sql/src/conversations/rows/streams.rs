//! The rows of `streams`.

use domain::{
    clock::Timestamp,
    conversations::{Stream, StreamState},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{column, number, stored};

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

impl TryFrom<&Stream> for Model {
    type Error = StoreError;

    fn try_from(stream: &Stream) -> Result<Self, StoreError> {
        let Stream {
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
            updated_at,
        } = stream.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            conversation_id: conversation_id.0,
            message_id: message_id.0,
            user_id: user_id.0,
            api_key_id: api_key_id.map(|id| id.0),
            request_id: request_id.0,
            estimated_input_tokens: estimated_input_tokens.map(column).transpose()?,
            state: state.as_str().to_owned(),
            epoch,
            lease_expires_at,
            stop_requested_at,
            last_event,
            ended_at,
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<Model> for Stream {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
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
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            conversation_id: conversation_id.into(),
            message_id: message_id.into(),
            user_id: user_id.into(),
            api_key_id: api_key_id.map(Into::into),
            request_id: request_id.into(),
            estimated_input_tokens: estimated_input_tokens.map(number).transpose()?,
            state: stored(StreamState::parse(&state))?,
            epoch,
            lease_expires_at,
            stop_requested_at,
            last_event,
            ended_at,
            created_at,
            updated_at,
        })
    }
}
