//! The rows of `idempotency_keys`.

use domain::{
    admin::{IdempotencyRecord, KeptAnswer},
    clock::Timestamp,
};
use sea_orm::entity::prelude::*;

use crate::{
    mapping::{Stored, mapping},
    scope::scoped,
};

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

scoped!(IdempotencyRecord, tenant TenantId, owner UserId);
mapping!(IdempotencyRecord { tenant_id, user_id, key, fingerprint, created_at, expires_at },
    row |record| { answer_status: i32::from(record.answer.status), answer_body: record.answer.body.clone(), updated_at: record.created_at },
    entity |row| { answer: KeptAnswer { status: Stored::from_column(row.answer_status)?, body: row.answer_body } });
