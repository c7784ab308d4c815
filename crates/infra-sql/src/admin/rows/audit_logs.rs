//! The rows of `audit_logs`.

use domain::{admin::AuditLog, clock::Timestamp};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped, typed::listed};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_logs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub superadmin_id: Option<Uuid>,
    pub action: String,
    pub entity_type: String,
    pub entity_id: Option<Uuid>,
    pub changes: Option<Json>,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(AuditLog, tenant TenantId, owner UserId);
listed!();
mapping!(AuditLog {
    id,
    tenant_id,
    user_id,
    superadmin_id,
    action,
    entity_type,
    entity_id,
    changes,
    ip_address,
    user_agent,
    created_at
});
