//! The rows of `jobs`.

use domain::{
    admin::{Job, JobKind, JobState},
    clock::Timestamp,
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::values::{column, from_json, number, stored, to_json};

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

impl TryFrom<&Job> for Model {
    type Error = StoreError;

    fn try_from(job: &Job) -> Result<Self, StoreError> {
        let Job {
            id,
            tenant_id,
            user_id,
            kind,
            state,
            step,
            progress_done,
            progress_total,
            attempts,
            fence,
            lease_expires_at,
            run_at,
            error,
            created_at,
            updated_at,
        } = job.clone();
        let JobKind::Ingest { source_id, source_version_id: _ } = &kind;
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.map(|id| id.0),
            kind: kind.name().to_owned(),
            payload: to_json(&kind)?,
            source_id: Some(source_id.0),
            state: state.as_str().to_owned(),
            step,
            progress_done: column(progress_done)?,
            progress_total: column(progress_total)?,
            attempts: i64::from(attempts),
            fence,
            lease_expires_at,
            run_at,
            error,
            created_at,
            updated_at,
        })
    }
}

impl TryFrom<Model> for Job {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let Model {
            id,
            tenant_id,
            user_id,
            kind: _,
            payload,
            source_id: _,
            state,
            step,
            progress_done,
            progress_total,
            attempts,
            fence,
            lease_expires_at,
            run_at,
            error,
            created_at,
            updated_at,
        } = row;
        Ok(Self {
            id: id.into(),
            tenant_id: tenant_id.into(),
            user_id: user_id.map(Into::into),
            kind: from_json(payload)?,
            state: stored(JobState::parse(&state))?,
            step,
            progress_done: number(progress_done)?,
            progress_total: number(progress_total)?,
            attempts: number(attempts)?,
            fence,
            lease_expires_at,
            run_at,
            error,
            created_at,
            updated_at,
        })
    }
}
