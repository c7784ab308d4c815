//! The rows of `usage_daily`.

use domain::{clock::Timestamp, usage::UsageDay};
use sea_orm::entity::prelude::*;

use crate::scope::scoped;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "usage_daily")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub day: Timestamp,
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub user_id: Option<Uuid>,
    pub agent_type: String,
    pub provider: String,
    pub model: String,
    pub request_count: i64,
    pub input_tokens: i64,
    pub output_tokens: i64,
    pub cost_nano_usd: i64,
    pub unknown_cost_count: i64,
    pub created_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

// Rows are made of the ledger's, and read as sums: none becomes an entity.
scoped!(UsageDay, tenant TenantId, owner UserId);
