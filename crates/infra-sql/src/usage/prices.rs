//! Stored prices.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    store::StoreError,
    usage::{ModelPrice, PriceRepo},
};

use super::rows::model_prices;
use crate::{SqlBackend, SqlRepos, sql::Sql};

/// The price of a model in force at a time.
pub(crate) fn in_force(provider: &str, model: &str, at: Timestamp) -> Sql {
    Sql::new("prices.find_in_force", "SELECT ")
        .columns::<model_prices::Entity>("p")
        .text(" FROM model_prices p WHERE p.provider = ")
        .bind(provider)
        .text(" AND p.model = ")
        .bind(model)
        .text(" AND p.valid_from <= ")
        .bind(at)
        .text(" AND (p.valid_to IS NULL OR p.valid_to > ")
        .bind(at)
        .text(") ORDER BY p.valid_from DESC LIMIT 1")
}

#[async_trait]
impl<B: SqlBackend> PriceRepo for SqlRepos<B> {
    async fn find_in_force(
        &self,
        provider: &str,
        model: &str,
        at: Timestamp,
    ) -> Result<Option<ModelPrice>, StoreError> {
        let sql = self.of_no_tenant(in_force(provider, model, at))?;
        self.row_beside::<model_prices::Model>(sql).await?.map(ModelPrice::try_from).transpose()
    }
}
