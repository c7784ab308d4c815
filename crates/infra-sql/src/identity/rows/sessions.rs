//! The rows of `sessions`.

use domain::{
    clock::Timestamp,
    identity::{Session, TokenHash},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{address, stored};

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

impl From<&Session> for Model {
    fn from(session: &Session) -> Self {
        let Session {
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
            updated_at,
        } = session.clone();
        Self {
            id: id.0,
            tenant_id: tenant_id.map(|id| id.0),
            user_id: user_id.0,
            token_hash: token_hash.map(|hash| hash.as_str().to_owned()),
            version,
            ip_address: ip_address.map(|ip| ip.to_string()),
            user_agent,
            expires_at,
            idle_expires_at,
            revoked_at,
            created_at,
            updated_at,
        }
    }
}

impl TryFrom<Model> for Session {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
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
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.map(Into::into),
            user_id: user_id.into(),
            token_hash: token_hash.map(|hash| stored(TokenHash::parse(&hash))).transpose()?,
            version,
            ip_address: address(ip_address)?,
            user_agent,
            expires_at,
            idle_expires_at,
            revoked_at,
            created_at,
            updated_at,
        })
    }
}
