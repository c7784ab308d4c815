//! The rows of `sources`.

use domain::{clock::Timestamp, knowledge::Source};
use sea_orm::entity::prelude::*;

use crate::mapping::mapping;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sources")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub collection_id: Uuid,
    pub user_id: Option<Uuid>,
    pub name: String,
    pub visibility: Option<String>,
    pub filename: String,
    pub storage_key: String,
    pub storage_type: String,
    pub mime_type: String,
    pub size_bytes: i64,
    pub content_hash: String,
    pub status: String,
    pub error: Option<String>,
    pub processed_at: Option<Timestamp>,
    pub current_version_id: Option<Uuid>,
    pub metadata: Json,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

mapping!(Source {
    id,
    tenant_id,
    collection_id,
    user_id,
    name,
    visibility,
    filename,
    storage_key,
    storage_type,
    mime_type,
    size_bytes,
    content_hash,
    status,
    error,
    processed_at,
    current_version_id,
    metadata,
    created_at,
    updated_at
});
