//! The rows of `chunks`.

use domain::{clock::Timestamp, knowledge::Chunk};
use sea_orm::entity::prelude::*;

use crate::mapping::mapping;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chunks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub collection_id: Uuid,
    pub source_id: Uuid,
    pub source_version_id: Uuid,
    pub ordinal: i64,
    pub content: String,
    pub heading_path: Json,
    pub page: Option<i64>,
    pub start_offset: i64,
    pub end_offset: i64,
    pub token_count: i64,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

mapping!(Chunk {
    id,
    tenant_id,
    collection_id,
    source_id,
    source_version_id,
    ordinal,
    content,
    heading_path,
    page,
    start: start_offset,
    end: end_offset,
    token_count,
    created_at
});
