//! The rows of `roles`.

use domain::{clock::Timestamp, identity::Role};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped};

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

scoped!(Role, tenant TenantId);
mapping!(Role { id, tenant_id, name, description, permissions, is_system, created_at, updated_at });
