//! Prices.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    store::StoreError,
    usage::{ModelPrice, PriceRepo},
};

use crate::{state::State, store::MemoryTx};

impl State {
    pub(super) fn price_in_force(&self, provider: &str, model: &str, at: Timestamp) -> Option<ModelPrice> {
        let in_force = self.model_prices.iter().filter(|price| {
            price.provider == provider
                && price.model == model
                && price.valid_from <= at
                && price.valid_to.is_none_or(|end| at < end)
        });
        in_force.max_by_key(|price| price.valid_from).cloned()
    }
}

#[async_trait]
impl PriceRepo for MemoryTx {
    async fn find_in_force(
        &self,
        provider: &str,
        model: &str,
        at: Timestamp,
    ) -> Result<Option<ModelPrice>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| Ok(state.price_in_force(provider, model, at)))
    }
}
