//! The rows of `source_versions`.

use domain::{
    clock::Timestamp,
    gateways::BlobKey,
    knowledge::{ProcessingStatus, SourceVersion},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{column, from_json, number, stored, to_json};

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
    pub chunking: Json,
    pub chunk_count: i64,
    pub embedding_model: Option<String>,
    pub embedding_dimension: Option<i64>,
    pub published_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&SourceVersion> for Model {
    type Error = StoreError;

    fn try_from(version: &SourceVersion) -> Result<Self, StoreError> {
        let SourceVersion {
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
            chunking,
            chunk_count,
            embedding_model,
            embedding_dimension,
            published_at,
            created_at,
            updated_at,
        } = version.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            source_id: source_id.0,
            collection_id: collection_id.0,
            version,
            status: status.as_str().to_owned(),
            error,
            content_hash,
            text_storage_key: text_storage_key.map(|key| key.as_str().to_owned()),
            character_count: column(character_count)?,
            page_count: page_count.map(i64::from),
            chunking: to_json(&chunking)?,
            chunk_count: column(chunk_count)?,
            embedding_model,
            embedding_dimension: embedding_dimension.map(i64::from),
            published_at,
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<Model> for SourceVersion {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
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
            chunking,
            chunk_count,
            embedding_model,
            embedding_dimension,
            published_at,
            created_at,
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            source_id: source_id.into(),
            collection_id: collection_id.into(),
            version,
            status: stored(ProcessingStatus::parse(&status))?,
            error,
            content_hash,
            text_storage_key: text_storage_key.map(|key| stored(BlobKey::parse(&key))).transpose()?,
            character_count: number(character_count)?,
            page_count: page_count.map(number).transpose()?,
            chunking: from_json(chunking)?,
            chunk_count: number(chunk_count)?,
            embedding_model,
            embedding_dimension: embedding_dimension.map(number).transpose()?,
            published_at,
            created_at,
            updated_at,
        })
    }
}
