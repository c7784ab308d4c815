//! The rows of `messages`.

use domain::{
    clock::Timestamp,
    conversations::{Message, MessageRole, MessageStatus, Parts},
    money::Money,
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{column, from_json, number, stored};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
    pub user_id: Option<Uuid>,
    pub parent_id: Option<Uuid>,
    pub seq: i64,
    pub role: String,
    pub status: String,
    pub parts: Json,
    pub attachments: Json,
    pub model: Option<String>,
    pub input_tokens: Option<i64>,
    pub output_tokens: Option<i64>,
    pub cost_nano_usd: Option<i64>,
    pub version: i32,
    pub is_edited: bool,
    pub content_version: i32,
    pub active_child_id: Option<Uuid>,
    pub edited_from_id: Option<Uuid>,
    pub regenerated_from_id: Option<Uuid>,
    pub forked_from_id: Option<Uuid>,
    pub finish_reason: Option<String>,
    pub error: Option<Json>,
    pub irregular: bool,
    pub deleted_at: Option<Timestamp>,
    pub deletion_id: Option<Uuid>,
    pub metadata: Json,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Message> for Model {
    type Error = StoreError;

    fn try_from(message: &Message) -> Result<Self, StoreError> {
        let Message {
            id,
            tenant_id,
            conversation_id,
            user_id,
            parent_id,
            seq,
            role,
            status,
            parts,
            attachments,
            model,
            input_tokens,
            output_tokens,
            cost,
            version,
            is_edited,
            content_version,
            active_child_id,
            edited_from_id,
            regenerated_from_id,
            forked_from_id,
            finish_reason,
            error,
            irregular,
            deleted_at,
            deletion_id,
            metadata,
            created_at,
            updated_at,
        } = message.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            conversation_id: conversation_id.0,
            user_id: user_id.map(|id| id.0),
            parent_id: parent_id.map(|id| id.0),
            seq,
            role: role.as_str().to_owned(),
            status: status.as_str().to_owned(),
            parts: parts.to_stored(),
            attachments: Json::Array(attachments),
            model,
            input_tokens: input_tokens.map(column).transpose()?,
            output_tokens: output_tokens.map(column).transpose()?,
            cost_nano_usd: cost.map(|cost| cost.0),
            version,
            is_edited,
            content_version,
            active_child_id: active_child_id.map(|id| id.0),
            edited_from_id: edited_from_id.map(|id| id.0),
            regenerated_from_id: regenerated_from_id.map(|id| id.0),
            forked_from_id: forked_from_id.map(|id| id.0),
            finish_reason,
            error,
            irregular,
            deleted_at,
            deletion_id,
            metadata,
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<Model> for Message {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            id,
            tenant_id,
            conversation_id,
            user_id,
            parent_id,
            seq,
            role,
            status,
            parts,
            attachments,
            model,
            input_tokens,
            output_tokens,
            cost_nano_usd,
            version,
            is_edited,
            content_version,
            active_child_id,
            edited_from_id,
            regenerated_from_id,
            forked_from_id,
            finish_reason,
            error,
            irregular,
            deleted_at,
            deletion_id,
            metadata,
            created_at,
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            conversation_id: conversation_id.into(),
            user_id: user_id.map(Into::into),
            parent_id: parent_id.map(Into::into),
            seq,
            role: stored(MessageRole::parse(&role))?,
            status: stored(MessageStatus::parse(&status))?,
            parts: stored(Parts::from_stored(parts))?,
            attachments: from_json(attachments)?,
            model,
            input_tokens: input_tokens.map(number).transpose()?,
            output_tokens: output_tokens.map(number).transpose()?,
            cost: cost_nano_usd.map(Money),
            version,
            is_edited,
            content_version,
            active_child_id: active_child_id.map(Into::into),
            edited_from_id: edited_from_id.map(Into::into),
            regenerated_from_id: regenerated_from_id.map(Into::into),
            forked_from_id: forked_from_id.map(Into::into),
            finish_reason,
            error,
            irregular,
            deleted_at,
            deletion_id,
            metadata,
            created_at,
            updated_at,
        })
    }
}
