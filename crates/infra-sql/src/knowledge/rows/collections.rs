//! The rows of `collections`.

use domain::{
    clock::Timestamp,
    knowledge::{Collection, CollectionVisibility},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{column, from_json, number, stored, to_json};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "collections")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Option<Uuid>,
    pub parent_id: Option<Uuid>,
    pub name: String,
    pub description: Option<String>,
    pub visibility: String,
    pub chunking: Json,
    pub chunk_count: i64,
    pub generation: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Collection> for Model {
    type Error = StoreError;

    fn try_from(collection: &Collection) -> Result<Self, StoreError> {
        let Collection {
            id,
            tenant_id,
            user_id,
            parent_id,
            name,
            description,
            visibility,
            chunking,
            chunk_count,
            generation,
            created_at,
            updated_at,
        } = collection.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.map(|id| id.0),
            parent_id: parent_id.map(|id| id.0),
            name,
            description,
            visibility: visibility.as_str().to_owned(),
            chunking: to_json(&chunking)?,
            chunk_count: column(chunk_count)?,
            generation,
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<Model> for Collection {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            id,
            tenant_id,
            user_id,
            parent_id,
            name,
            description,
            visibility,
            chunking,
            chunk_count,
            generation,
            created_at,
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            user_id: user_id.map(Into::into),
            parent_id: parent_id.map(Into::into),
            name,
            description,
            visibility: stored(CollectionVisibility::parse(&visibility))?,
            chunking: from_json(chunking)?,
            chunk_count: number(chunk_count)?,
            generation,
            created_at,
            updated_at,
        })
    }
}
