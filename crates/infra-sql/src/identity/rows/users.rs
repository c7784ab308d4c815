//! The rows of `users`. The hash of a password is none of their fields: it is written, and never read.

use domain::{clock::Timestamp, identity::User};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped, typed::listed};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Option<Uuid>,
    pub email: String,
    pub username: String,
    pub display_name: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub avatar_url: Option<String>,
    pub is_active: bool,
    pub email_verified: bool,
    pub email_verified_at: Option<Timestamp>,
    pub last_login_at: Option<Timestamp>,
    pub last_login_ip: Option<String>,
    pub daily_request_quota: Option<i64>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(User, tenant TenantId, owner Id);
listed!();
mapping!(User {
    id,
    tenant_id,
    email,
    username,
    display_name,
    first_name,
    last_name,
    avatar_url,
    is_active,
    email_verified,
    email_verified_at,
    last_login_at,
    last_login_ip,
    daily_request_quota,
    created_at,
    updated_at,
    deleted_at
});
