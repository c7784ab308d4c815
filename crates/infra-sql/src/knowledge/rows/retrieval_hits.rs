//! The rows of `retrieval_hits`.

use domain::{
    clock::Timestamp,
    knowledge::{RetrievalHit, RetrievalRun},
};
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "retrieval_hits")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub retrieval_run_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub chunk_id: Uuid,
    pub rank: i64,
    pub score: f64,
    pub vector_rank: Option<i64>,
    pub vector_score: Option<f64>,
    pub lexical_rank: Option<i64>,
    pub lexical_score: Option<f64>,
    pub is_used: bool,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The row of a hit of this search.
    pub(crate) fn new(run: &RetrievalRun, hit: &RetrievalHit) -> Self {
        Self {
            tenant_id: run.tenant_id.0,
            retrieval_run_id: run.id.0,
            chunk_id: hit.chunk_id.0,
            rank: i64::from(hit.rank),
            score: hit.score,
            vector_rank: hit.vector_rank.map(i64::from),
            vector_score: hit.vector_score,
            lexical_rank: hit.lexical_rank.map(i64::from),
            lexical_score: hit.lexical_score,
            is_used: hit.is_used,
            created_at: run.created_at,
        }
    }
}
