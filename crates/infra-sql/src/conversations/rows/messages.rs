//! The rows of `messages`.

use domain::{clock::Timestamp, conversations::Message};
use sea_orm::entity::prelude::*;

use crate::mapping::mapping;

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

mapping!(Message {
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
    cost: cost_nano_usd,
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
    updated_at
});
