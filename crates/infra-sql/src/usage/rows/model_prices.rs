//! The rows of `model_prices`.

use domain::{clock::Timestamp, usage::ModelPrice};
use sea_orm::entity::prelude::*;

use crate::mapping::mapping;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "model_prices")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub provider: String,
    pub model: String,
    pub input_pico_usd_per_token: i64,
    pub cached_input_pico_usd_per_token: Option<i64>,
    pub output_pico_usd_per_token: i64,
    pub valid_from: Timestamp,
    pub valid_to: Option<Timestamp>,
    pub source: String,
}

impl ActiveModelBehavior for ActiveModel {}

mapping!(ModelPrice {
    id,
    provider,
    model,
    input: input_pico_usd_per_token,
    cached_input: cached_input_pico_usd_per_token,
    output: output_pico_usd_per_token,
    valid_from,
    valid_to,
    source
});
