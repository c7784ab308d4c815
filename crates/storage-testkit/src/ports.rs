//! Time and ids that a test decides.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta};
use domain::{
    clock::{Clock, Timestamp},
    ids::IdGen,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::{Builder, Uuid};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<Timestamp>,
}

impl ManualClock {
    /// A clock that shows this time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now: Mutex::new(now) }
    }

    /// Shows this time from now on.
    pub fn set(&self, now: Timestamp) {
        *locked(&self.now) = now;
    }

    /// Moves by so much and returns the new time.
    pub fn advance(&self, by: TimeDelta) -> Timestamp {
        let mut now = locked(&self.now);
        *now += by;
        *now
    }
}

impl Default for ManualClock {
    /// 2026-11-21 12:00:00.123456 UTC: a time whose microseconds matter.
    fn default() -> Self {
        Self::at(DateTime::from_timestamp_micros(1_795_262_400_123_456).expect("the time is in range"))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *locked(&self.now)
    }
}

/// Ids that are the same in every run: unique, but nothing else than a row of numbers.
#[derive(Debug)]
pub struct SeededIds {
    state: Mutex<Ids>,
}

#[derive(Debug)]
struct Ids {
    random: StdRng,
    /// Milliseconds in the next ordered id.
    ordered: u64,
}

impl SeededIds {
    /// The ids of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: Mutex::new(Ids { random: StdRng::seed_from_u64(seed), ordered: 1_795_262_400_000 }) }
    }
}

impl Default for SeededIds {
    fn default() -> Self {
        Self::new(0)
    }
}

impl IdGen for SeededIds {
    fn random(&self) -> Uuid {
        Builder::from_random_bytes(locked(&self.state).random.random()).into_uuid()
    }

    fn ordered(&self) -> Uuid {
        let mut state = locked(&self.state);
        state.ordered += 1;
        let millis = state.ordered;
        Builder::from_unix_timestamp_millis(millis, &state.random.random()).into_uuid()
    }

    fn secret(&self) -> [u8; 32] {
        locked(&self.state).random.random()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_moves_only_when_told() {
        let clock = ManualClock::default();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        assert_eq!(clock.advance(TimeDelta::seconds(5)), start + TimeDelta::seconds(5));
        clock.set(start);
        assert_eq!(clock.now(), start);
    }

    #[test]
    fn a_seed_gives_the_same_ids_again_and_never_one_twice() {
        let (a, b) = (SeededIds::new(7), SeededIds::new(7));
        let draw = |ids: &SeededIds| -> Vec<Uuid> { (0..100).flat_map(|_| [ids.random(), ids.ordered()]).collect() };
        let (first, second) = (draw(&a), draw(&b));
        assert_eq!(first, second);
        assert_eq!(a.secret(), b.secret());
        let different: std::collections::BTreeSet<_> = first.iter().collect();
        assert_eq!(different.len(), first.len());
        let ordered: Vec<_> = first.iter().filter(|id| id.get_version_num() == 7).collect();
        assert!(ordered.is_sorted() && ordered.len() == 100);
    }
}
