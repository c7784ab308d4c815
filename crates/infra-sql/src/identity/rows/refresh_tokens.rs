//! The rows of `refresh_tokens`.

use domain::{clock::Timestamp, identity::RefreshToken};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refresh_tokens")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Option<Uuid>,
    pub user_id: Uuid,
    pub session_id: Uuid,
    pub token_hash: String,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(RefreshToken, tenant TenantId, owner UserId);
mapping!(RefreshToken { id, tenant_id, user_id, session_id, token_hash, expires_at, used_at, created_at });
