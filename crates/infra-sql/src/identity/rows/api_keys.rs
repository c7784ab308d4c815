//! The rows of `api_keys`.

use domain::{clock::Timestamp, identity::ApiKey};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped, typed::listed};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Uuid,
    pub name: String,
    pub description: Option<String>,
    pub prefix: String,
    pub last_four: String,
    pub key_hash: String,
    pub scopes: Option<Json>,
    pub is_active: bool,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(ApiKey, tenant TenantId, owner UserId);
listed!();
mapping!(ApiKey {
    id,
    tenant_id,
    user_id,
    name,
    description,
    prefix,
    last_four,
    key_hash,
    scopes,
    is_active,
    expires_at,
    last_used_at,
    created_at,
    updated_at
});
