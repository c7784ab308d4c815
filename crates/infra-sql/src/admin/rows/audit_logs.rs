//! The rows of `audit_logs`.

use domain::{admin::AuditLog, clock::Timestamp, store::StoreError};
use sea_orm::entity::prelude::*;

use crate::values::address;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_logs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Option<Uuid>,
    pub user_id: Option<Uuid>,
    pub action: String,
    pub entity_type: String,
    pub entity_id: Option<Uuid>,
    pub changes: Option<Json>,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&AuditLog> for Model {
    fn from(log: &AuditLog) -> Self {
        let AuditLog {
            id,
            tenant_id,
            user_id,
            action,
            entity_type,
            entity_id,
            changes,
            ip_address,
            user_agent,
            created_at,
        } = log.clone();
        Self {
            id: id.0,
            tenant_id: tenant_id.map(|id| id.0),
            user_id: user_id.map(|id| id.0),
            action,
            entity_type,
            entity_id,
            changes,
            ip_address: ip_address.map(|ip| ip.to_string()),
            user_agent,
            created_at,
        }
    }
}

impl TryFrom<Model> for AuditLog {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            id,
            tenant_id,
            user_id,
            action,
            entity_type,
            entity_id,
            changes,
            ip_address,
            user_agent,
            created_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.map(Into::into),
            user_id: user_id.map(Into::into),
            action,
            entity_type,
            entity_id,
            changes,
            ip_address: address(ip_address)?,
            user_agent,
            created_at,
        })
    }
}
