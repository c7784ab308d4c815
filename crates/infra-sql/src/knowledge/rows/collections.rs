//! The rows of `collections`.

use domain::{clock::Timestamp, knowledge::Collection};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped, typed::listed};

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

scoped!(Collection, tenant TenantId, owner UserId, shown Visibility = "shared");
listed!();
mapping!(Collection {
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
    updated_at
});
