//! The rows of `user_roles`.

use domain::{clock::Timestamp, identity::UserRole};
use sea_orm::entity::prelude::*;

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

impl From<&UserRole> for Model {
    fn from(assignment: &UserRole) -> Self {
        let UserRole { id, tenant_id, user_id, role_id, assigned_at, assigned_by } = assignment.clone();
        Self {
            id: id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.0,
            role_id: role_id.0,
            assigned_at,
            assigned_by: assigned_by.map(|id| id.0),
            created_at: assigned_at,
        }
    }
}
