//! The rows of `api_keys`.

use domain::{
    clock::Timestamp,
    identity::{ApiKey, TokenHash},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::{
    identity::permissions,
    values::{stored, to_json},
};

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

impl TryFrom<&ApiKey> for Model {
    type Error = StoreError;

    fn try_from(key: &ApiKey) -> Result<Self, StoreError> {
        let ApiKey {
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
            updated_at,
        } = key.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.0,
            name,
            description,
            prefix,
            last_four,
            key_hash: key_hash.as_str().to_owned(),
            scopes: scopes.map(|scopes| to_json(&scopes)).transpose()?,
            is_active,
            expires_at,
            last_used_at,
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<Model> for ApiKey {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
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
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            user_id: user_id.into(),
            name,
            description,
            prefix,
            last_four,
            key_hash: stored(TokenHash::parse(&key_hash))?,
            scopes: scopes.map(permissions::known).transpose()?,
            is_active,
            expires_at,
            last_used_at,
            created_at,
            updated_at,
        })
    }
}
