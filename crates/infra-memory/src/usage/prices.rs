//! Prices.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    store::StoreError,
    usage::{ModelPrice, PriceRepo},
};

use crate::store::MemoryTx;

#[async_trait]
impl PriceRepo for MemoryTx {
    async fn find_in_force(
        &self,
        provider: &str,
        model: &str,
        at: Timestamp,
    ) -> Result<Option<ModelPrice>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| {
            let in_force = state.prices.values().filter(|price| {
                price.provider == provider
                    && price.model == model
                    && price.valid_from <= at
                    && price.valid_to.is_none_or(|end| at < end)
            });
            Ok(in_force.max_by_key(|price| price.valid_from).cloned())
        })
    }
}
