//! The rows of `tenants`.

use domain::{
    clock::Timestamp,
    store::StoreError,
    tenancy::{Slug, Tenant},
};
use sea_orm::entity::prelude::*;

use crate::values::stored;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub slug: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Tenant> for Model {
    fn from(tenant: &Tenant) -> Self {
        let Tenant { id, name, slug, created_at, updated_at } = tenant.clone();
        Self { id: id.0, name, slug: slug.as_str().to_owned(), created_at, updated_at }
    }
}

impl TryFrom<Model> for Tenant {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, name, slug, created_at, updated_at } = row;
        Ok(Self { id: id.into(), name, slug: stored(Slug::parse(&slug))?, created_at, updated_at })
    }
}
