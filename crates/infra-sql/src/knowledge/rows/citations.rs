//! The rows of `citations`.

use domain::{clock::Timestamp, knowledge::Citation, store::StoreError};
use sea_orm::entity::prelude::*;

use crate::values::number;

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

impl From<&Citation> for Model {
    fn from(citation: &Citation) -> Self {
        let Citation {
            id,
            tenant_id,
            conversation_id,
            message_id,
            index,
            chunk_id,
            source_id,
            source_version_id,
            filename,
            page,
            quote,
            quote_start,
            quote_end,
            created_at,
        } = citation.clone();
        Self {
            id: id.0,
            tenant_id: tenant_id.0,
            conversation_id: conversation_id.0,
            message_id: message_id.0,
            citation_index: i64::from(index),
            chunk_id: chunk_id.map(|id| id.0),
            source_id: source_id.map(|id| id.0),
            source_version_id: source_version_id.map(|id| id.0),
            filename,
            page: page.map(i64::from),
            quote,
            quote_start: i64::from(quote_start),
            quote_end: i64::from(quote_end),
            created_at,
        }
    }
}

impl TryFrom<Model> for Citation {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            id,
            tenant_id,
            conversation_id,
            message_id,
            citation_index,
            chunk_id,
            source_id,
            source_version_id,
            filename,
            page,
            quote,
            quote_start,
            quote_end,
            created_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            conversation_id: conversation_id.into(),
            message_id: message_id.into(),
            index: number(citation_index)?,
            chunk_id: chunk_id.map(Into::into),
            source_id: source_id.map(Into::into),
            source_version_id: source_version_id.map(Into::into),
            filename,
            page: page.map(number).transpose()?,
            quote,
            quote_start: number(quote_start)?,
            quote_end: number(quote_end)?,
            created_at,
        })
    }
}
