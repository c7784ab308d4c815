//! The rows of `sessions`.

use domain::{clock::Timestamp, identity::Session};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Option<Uuid>,
    pub user_id: Uuid,
    pub token_hash: Option<String>,
    pub version: i64,
    pub ip_address: Option<String>,
    pub user_agent: Option<String>,
    pub expires_at: Timestamp,
    pub idle_expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(Session, tenant TenantId, owner UserId);
mapping!(Session {
    id,
    tenant_id,
    user_id,
    token_hash,
    version,
    ip_address,
    user_agent,
    expires_at,
    idle_expires_at,
    revoked_at,
    created_at,
    updated_at
});
