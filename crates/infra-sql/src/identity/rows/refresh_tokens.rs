//! The rows of `refresh_tokens`.

use domain::{
    clock::Timestamp,
    identity::{RefreshToken, TokenHash},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::stored;

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

impl From<&RefreshToken> for Model {
    fn from(token: &RefreshToken) -> Self {
        let RefreshToken { id, tenant_id, user_id, session_id, token_hash, expires_at, used_at, created_at } =
            token.clone();
        Self {
            id: id.0,
            tenant_id: tenant_id.map(|id| id.0),
            user_id: user_id.0,
            session_id: session_id.0,
            token_hash: token_hash.as_str().to_owned(),
            expires_at,
            used_at,
            created_at,
        }
    }
}

impl TryFrom<Model> for RefreshToken {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model { id, tenant_id, user_id, session_id, token_hash, expires_at, used_at, created_at } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.map(Into::into),
            user_id: user_id.into(),
            session_id: session_id.into(),
            token_hash: stored(TokenHash::parse(&token_hash))?,
            expires_at,
            used_at,
            created_at,
        })
    }
}
