//! Random numbers that a seed repeats.

use std::time::Duration;

/// A source of numbers (a linear congruential generator, upper bits).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `bound`.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// A time of at least `least`, below `bound`.
    pub(crate) fn between(&mut self, least: Duration, bound: Duration) -> Duration {
        let span = u64::try_from((bound - least).as_millis()).unwrap_or(u64::MAX);
        least + Duration::from_millis(self.below(span.max(1)))
    }
}
