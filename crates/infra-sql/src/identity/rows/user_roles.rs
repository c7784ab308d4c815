//! The rows of `user_roles`.

use domain::{clock::Timestamp, identity::UserRole};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_roles")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Uuid,
    pub role_id: Uuid,
    pub assigned_at: Timestamp,
    pub assigned_by: Option<Uuid>,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(UserRole, tenant TenantId, owner UserId);
mapping!(into UserRole { id, tenant_id, user_id, role_id, assigned_at, assigned_by }, row |assignment| { created_at: assignment.assigned_at });
