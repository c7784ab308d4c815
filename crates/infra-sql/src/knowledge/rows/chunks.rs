//! The rows of `chunks`.

use domain::{clock::Timestamp, knowledge::Chunk, store::StoreError};
use sea_orm::entity::prelude::*;

use crate::values::{from_json, number, to_json};

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

impl TryFrom<&Chunk> for Model {
    type Error = StoreError;

    fn try_from(chunk: &Chunk) -> Result<Self, StoreError> {
        let Chunk {
            id,
            tenant_id,
            collection_id,
            source_id,
            source_version_id,
            ordinal,
            content,
            heading_path,
            page,
            start,
            end,
            token_count,
            created_at,
        } = chunk.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            collection_id: collection_id.0,
            source_id: source_id.0,
            source_version_id: source_version_id.0,
            ordinal: i64::from(ordinal),
            content,
            heading_path: to_json(&heading_path)?,
            page: page.map(i64::from),
            start_offset: i64::from(start),
            end_offset: i64::from(end),
            token_count: i64::from(token_count),
            created_at,
        })
    }
}

impl TryFrom<Model> for Chunk {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            id,
            tenant_id,
            collection_id,
            source_id,
            source_version_id,
            ordinal,
            content,
            heading_path,
            page,
            start_offset,
            end_offset,
            token_count,
            created_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            collection_id: collection_id.into(),
            source_id: source_id.into(),
            source_version_id: source_version_id.into(),
            ordinal: number(ordinal)?,
            content,
            heading_path: from_json(heading_path)?,
            page: page.map(number).transpose()?,
            start: number(start_offset)?,
            end: number(end_offset)?,
            token_count: number(token_count)?,
            created_at,
        })
    }
}
