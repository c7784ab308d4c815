//! Dated prices, and the cost of a call.

use crate::{
    clock::Timestamp,
    ids::ModelPriceId,
    money::{ExactCost, Money, PicoUsdPerToken},
    usage::TokenUsage,
};

/// The price of a model for a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPrice {
    /// Its id, pinned on the rows it was used for.
    pub id: ModelPriceId,
    /// The provider.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// Per token read.
    pub input: PicoUsdPerToken,
    /// Per token read from the provider's cache; `None`: as `input`.
    pub cached_input: Option<PicoUsdPerToken>,
    /// Per token written.
    pub output: PicoUsdPerToken,
    /// In force from then on.
    pub valid_from: Timestamp,
    /// In force before then; `None`: until further notice.
    pub valid_to: Option<Timestamp>,
    /// Where the figure comes from, with its date.
    pub source: String,
}

/// The cost of a call, rounded once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricedUsage {
    /// Of what was read, rounded by itself.
    pub input_cost: Money,
    /// The whole less `input_cost`.
    pub output_cost: Money,
    /// The exact sum, rounded once, half to even.
    pub cost: Money,
}

impl ModelPrice {
    /// Counts `tokens` at this price; `None` where the amount leaves the range of [`Money`].
    #[must_use]
    pub fn cost_of(&self, tokens: TokenUsage) -> Option<PricedUsage> {
        let cached = tokens.cached_input_tokens.min(tokens.input_tokens);
        let input = ExactCost::default()
            .plus(tokens.input_tokens - cached, self.input)
            .plus(cached, self.cached_input.unwrap_or(self.input));
        let output = ExactCost::default().plus(tokens.output_tokens, self.output);
        let cost = input.and(output).round()?;
        let input_cost = input.round()?;
        Some(PricedUsage { input_cost, output_cost: cost.checked_sub(input_cost)?, cost })
    }
}
