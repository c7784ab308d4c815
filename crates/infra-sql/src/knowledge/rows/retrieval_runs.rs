//! The rows of `retrieval_runs`.

use domain::{clock::Timestamp, knowledge::RetrievalRun, store::StoreError};
use sea_orm::entity::prelude::*;

use crate::values::column;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "retrieval_runs")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub user_id: Option<Uuid>,
    pub conversation_id: Option<Uuid>,
    pub message_id: Option<Uuid>,
    pub query: String,
    pub mode: String,
    pub parameters: Json,
    pub embedding_model: Option<String>,
    pub duration_ms: i64,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl TryFrom<&RetrievalRun> for Model {
    type Error = StoreError;

    fn try_from(run: &RetrievalRun) -> Result<Self, StoreError> {
        let RetrievalRun {
            id,
            tenant_id,
            user_id,
            conversation_id,
            message_id,
            query,
            mode,
            parameters,
            embedding_model,
            duration_ms,
            created_at,
        } = run.clone();
        Ok(Self {
            id: id.0,
            tenant_id: tenant_id.0,
            user_id: user_id.map(|id| id.0),
            conversation_id: conversation_id.map(|id| id.0),
            message_id: message_id.map(|id| id.0),
            query,
            mode: mode.as_str().to_owned(),
            parameters,
            embedding_model,
            duration_ms: column(duration_ms)?,
            created_at,
        })
    }
}
