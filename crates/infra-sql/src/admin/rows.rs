//! The rows of administration.

pub(crate) mod audit_logs {
    use domain::{admin::AuditLog, clock::Timestamp, store::StoreError};
    use sea_orm::entity::prelude::*;

    use crate::values::address;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_logs")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub tenant_id: Option<Uuid>,
        pub user_id: Option<Uuid>,
        pub action: String,
        pub entity_type: String,
        pub entity_id: Option<Uuid>,
        pub changes: Option<Json>,
        pub ip_address: Option<String>,
        pub user_agent: Option<String>,
        pub created_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl From<&AuditLog> for Model {
        fn from(log: &AuditLog) -> Self {
            let AuditLog {
                id,
                tenant_id,
                user_id,
                action,
                entity_type,
                entity_id,
                changes,
                ip_address,
                user_agent,
                created_at,
            } = log.clone();
            Self {
                id: id.0,
                tenant_id: tenant_id.map(|id| id.0),
                user_id: user_id.map(|id| id.0),
                action,
                entity_type,
                entity_id,
                changes,
                ip_address: ip_address.map(|ip| ip.to_string()),
                user_agent,
                created_at,
            }
        }
    }

    impl TryFrom<Model> for AuditLog {
        type Error = StoreError;

        fn try_from(row: Model) -> Result<Self, StoreError> {
            let Model {
                id,
                tenant_id,
                user_id,
                action,
                entity_type,
                entity_id,
                changes,
                ip_address,
                user_agent,
                created_at,
            } = row;
            Ok(Self {
                id: id.into(),
                tenant_id: tenant_id.map(Into::into),
                user_id: user_id.map(Into::into),
                action,
                entity_type,
                entity_id,
                changes,
                ip_address: address(ip_address)?,
                user_agent,
                created_at,
            })
        }
    }
}

pub(crate) mod jobs {
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
}

pub(crate) mod idempotency_keys {
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
        pub answer_status: Option<i32>,
        pub answer_body: Option<Vec<u8>>,
        pub created_at: Timestamp,
        pub updated_at: Timestamp,
        pub expires_at: Timestamp,
    }

    impl ActiveModelBehavior for ActiveModel {}

    impl From<&IdempotencyRecord> for Model {
        fn from(record: &IdempotencyRecord) -> Self {
            let IdempotencyRecord { tenant_id, user_id, key, fingerprint, answer, created_at, expires_at } =
                record.clone();
            let (answer_status, answer_body) =
                answer.map(|KeptAnswer { status, body }| (i32::from(status), body)).unzip();
            Self {
                tenant_id: tenant_id.0,
                user_id: user_id.0,
                key,
                fingerprint,
                answer_status,
                answer_body,
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
            let answer = match (answer_status, answer_body) {
                (Some(status), body) => Some(KeptAnswer { status: number(status)?, body: body.unwrap_or_default() }),
                (None, _) => None,
            };
            Ok(Self {
                tenant_id: tenant_id.into(),
                user_id: user_id.into(),
                key,
                fingerprint,
                answer,
                created_at,
                expires_at,
            })
        }
    }
}
