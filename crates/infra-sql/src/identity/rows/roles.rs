//! The rows of `roles`.

use domain::{clock::Timestamp, identity::Role, store::StoreError};
use sea_orm::entity::prelude::*;

use crate::{identity::permissions, values::to_json};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "roles")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub name: String,
    pub description: Option<String>,
    pub permissions: Json,
    pub is_system: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&Role> for Model {
    type Error = StoreError;

    fn try_from(role: &Role) -> Result<Self, StoreError> {
        let Role { id, tenant_id, name, description, permissions, is_system, created_at, updated_at } = role.clone();
        let permissions = to_json(&permissions)?;
        Ok(Self { id: id.0, tenant_id: tenant_id.0, name, description, permissions, is_system, created_at, updated_at })
    }
}

impl TryFrom<Model> for Role {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, tenant_id, name, description, permissions, is_system, created_at, updated_at } = row;
        let permissions = permissions::known(permissions)?;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            name,
            description,
            permissions,
            is_system,
            created_at,
            updated_at,
        })
    }
}
