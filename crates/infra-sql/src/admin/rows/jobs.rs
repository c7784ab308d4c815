//! The rows of `jobs`.

use domain::{
    admin::{Job, JobKind},
    clock::Timestamp,
};
use sea_orm::entity::prelude::*;

use crate::{
    mapping::mapping,
    scope::scoped,
    values::{from_json, to_json},
};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Option<Uuid>,
    pub kind: String,
    pub payload: Json,
    pub source_id: Option<Uuid>,
    pub state: String,
    pub step: Option<String>,
    pub progress_done: i64,
    pub progress_total: i64,
    pub attempts: i64,
    pub fence: i64,
    pub lease_expires_at: Option<Timestamp>,
    pub run_at: Timestamp,
    pub error: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(Job, tenant TenantId, owner UserId);
mapping!(Job { id, tenant_id, user_id, state, step, progress_done, progress_total, attempts, fence, lease_expires_at, run_at, error, created_at, updated_at },
    row |job| { kind: job.kind.name().to_owned(), payload: to_json(&job.kind)?, source_id: Some(source_of(&job.kind)) },
    entity |row| { kind: from_json(row.payload)? });

/// The source that a job works on.
fn source_of(kind: &JobKind) -> Uuid {
    let JobKind::Ingest { source_id, .. } = kind;
    source_id.0
}
