//! The rows of `retrieval_runs`.

use domain::{
    clock::Timestamp,
    knowledge::{RetrievalHit, RetrievalRun},
    store::StoreError,
};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, values::to_json};

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
    pub hits: Json,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

mapping!(into RetrievalRun { id, tenant_id, user_id, conversation_id, message_id, query, parameters, embedding_model, duration_ms, created_at }, row |run| {
    mode: run.mode.as_str().to_owned(),
    hits: Json::Null,
});

impl Model {
    /// The row of a search with what it found.
    pub(crate) fn with_hits(run: &RetrievalRun, hits: &[RetrievalHit]) -> Result<Self, StoreError> {
        Ok(Self { hits: to_json(&hits)?, ..Self::try_from(run)? })
    }
}
