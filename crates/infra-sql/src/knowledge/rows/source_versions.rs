//! The rows of `source_versions`.

use domain::{clock::Timestamp, knowledge::SourceVersion};
use sea_orm::entity::prelude::*;

use crate::mapping::mapping;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "source_versions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub source_id: Uuid,
    pub collection_id: Uuid,
    pub version: i32,
    pub status: String,
    pub error: Option<String>,
    pub content_hash: String,
    pub text_storage_key: Option<String>,
    pub character_count: i64,
    pub page_count: Option<i64>,
    pub charset: Option<String>,
    pub chunking: Json,
    pub chunk_count: i64,
    pub embedding_model: Option<String>,
    pub embedding_dimension: Option<i64>,
    pub published_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

mapping!(SourceVersion {
    id,
    tenant_id,
    source_id,
    collection_id,
    version,
    status,
    error,
    content_hash,
    text_storage_key,
    character_count,
    page_count,
    charset,
    chunking,
    chunk_count,
    embedding_model,
    embedding_dimension,
    published_at,
    created_at,
    updated_at
});
