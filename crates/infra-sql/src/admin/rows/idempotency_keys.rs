//! The rows of `idempotency_keys`.

use domain::{
    admin::{IdempotencyRecord, KeptAnswer},
    clock::Timestamp,
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::number;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub fingerprint: String,
    pub answer_status: i32,
    pub answer_body: Vec<u8>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub expires_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&IdempotencyRecord> for Model {
    fn from(record: &IdempotencyRecord) -> Self {
        let IdempotencyRecord { tenant_id, user_id, key, fingerprint, answer, created_at, expires_at } = record.clone();
        Self {
            tenant_id: tenant_id.0,
            user_id: user_id.0,
            key,
            fingerprint,
            answer_status: i32::from(answer.status),
            answer_body: answer.body,
            created_at,
            updated_at: created_at,
            expires_at,
        }
    }
}

impl TryFrom<Model> for IdempotencyRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            tenant_id,
            user_id,
            key,
            fingerprint,
            answer_status,
            answer_body,
            created_at,
            updated_at: _,
            expires_at,
        } = row;
        Ok(Self {
            tenant_id: tenant_id.into(),
            user_id: user_id.into(),
            key,
            fingerprint,
            answer: KeptAnswer { status: number(answer_status)?, body: answer_body },
            created_at,
            expires_at,
        })
    }
}
