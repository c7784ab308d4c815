//! The rows of `citations`.

use domain::{clock::Timestamp, knowledge::Citation};
use sea_orm::entity::prelude::*;

use crate::mapping::mapping;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "citations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub conversation_id: Uuid,
    pub message_id: Uuid,
    pub citation_index: i64,
    pub chunk_id: Option<Uuid>,
    pub source_id: Option<Uuid>,
    pub source_version_id: Option<Uuid>,
    pub filename: String,
    pub page: Option<i64>,
    pub quote: String,
    pub quote_start: i64,
    pub quote_end: i64,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

mapping!(Citation {
    id,
    tenant_id,
    conversation_id,
    message_id,
    index: citation_index,
    chunk_id,
    source_id,
    source_version_id,
    filename,
    page,
    quote,
    quote_start,
    quote_end,
    created_at
});
