//! Money and prices: integers all the way, rounded once.
//!
//! An amount is an integer of nano-USD; a price an integer of pico-USD per token. Six decimals, as
//! is common elsewhere, lose money: one token at $0.02 a million costs $0.00000002.

use serde::{Deserialize, Serialize};

/// An amount in nano-USD (10⁻⁹ USD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Money {
    /// Nothing, known to be nothing (an unknown cost is `None`, never this).
    pub const ZERO: Self = Self(0);

    /// The sum, or `None` where it leaves the range (±9.2 billion USD).
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it leaves the range.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Decimal USD with nine places: `0.000000020`.
    #[must_use]
    pub fn to_usd(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        format!("{sign}{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
    }
}

/// A price in pico-USD (10⁻¹² USD) per token; $1 a million tokens is 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PicoUsdPerToken(pub i64);

/// An exact cost in pico-USD, before the one rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExactCost(i128);

impl ExactCost {
    /// Adds `tokens` at `price`.
    #[must_use]
    pub fn plus(self, tokens: u64, price: PicoUsdPerToken) -> Self {
        Self(self.0 + i128::from(tokens) * i128::from(price.0))
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Rounds to nano-USD, half to even; `None` where it leaves the range of [`Money`].
    #[must_use]
    pub fn round(self) -> Option<Money> {
        let (quotient, remainder) = (self.0.div_euclid(1000), self.0.rem_euclid(1000));
        let up = remainder > 500 || (remainder == 500 && quotient % 2 != 0);
        i64::try_from(quotient + i128::from(up)).ok().map(Money)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cheap_token_is_not_lost() {
        let cost = ExactCost::default().plus(1, PicoUsdPerToken(20_000));
        assert_eq!(cost.round().unwrap().to_usd(), "0.000000020");
    }

    #[test]
    fn halves_round_to_even() {
        let round = |pico| ExactCost::default().plus(1, PicoUsdPerToken(pico)).round().unwrap();
        assert_eq!([round(500), round(1500), round(2500), round(1501)], [Money(0), Money(2), Money(2), Money(2)]);
        assert_eq!([round(-500), round(-1500)], [Money(0), Money(-2)]);
    }

    #[test]
    fn negative_amounts_keep_their_sign() {
        assert_eq!(Money(-1_500_000_000).to_usd(), "-1.500000000");
    }
}
