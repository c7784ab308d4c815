//! The rows of `sources`.

use domain::{
    clock::Timestamp,
    gateways::BlobKey,
    knowledge::{CollectionVisibility, ProcessingStatus, Source},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{column, number, stored};

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

impl TryFrom<&Source> for Model {
    type Error = StoreError;

    fn try_from(source: &Source) -> Result<Self, StoreError> {
        let Source {
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
            updated_at,
        } = source.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            collection_id: collection_id.0,
            user_id: user_id.map(|id| id.0),
            name,
            visibility: visibility.map(|visibility| visibility.as_str().to_owned()),
            filename,
            storage_key: storage_key.as_str().to_owned(),
            storage_type,
            mime_type,
            size_bytes: column(size_bytes)?,
            content_hash,
            status: status.as_str().to_owned(),
            error,
            processed_at,
            current_version_id: current_version_id.map(|id| id.0),
            metadata,
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<Model> for Source {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
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
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            collection_id: collection_id.into(),
            user_id: user_id.map(Into::into),
            name,
            visibility: visibility.map(|name| stored(CollectionVisibility::parse(&name))).transpose()?,
            filename,
            storage_key: stored(BlobKey::parse(&storage_key))?,
            storage_type,
            mime_type,
            size_bytes: number(size_bytes)?,
            content_hash,
            status: stored(ProcessingStatus::parse(&status))?,
            error,
            processed_at,
            current_version_id: current_version_id.map(Into::into),
            metadata,
            created_at,
            updated_at,
        })
    }
}
