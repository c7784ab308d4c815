//! Time: UTC, in microseconds, from a port.

use chrono::{DateTime, SubsecRound, Utc};

/// A point in time, UTC, cut to microseconds (PostgreSQL keeps no more, so no backend does).
pub type Timestamp = DateTime<Utc>;

/// Where the time comes from. A port, so that tests can set it.
pub trait Clock: Send + Sync + 'static {
    /// The present time, already cut to microseconds.
    fn now(&self) -> Timestamp;
}

/// The clock of a running program.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the time is read")]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(6)
    }
}
