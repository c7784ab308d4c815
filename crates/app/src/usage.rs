//! The ledger: what calls to providers cost.

use crate::App;

mod account;
mod fold;
mod reconcile;
mod record;
mod summary;

pub(crate) use account::{MAX_SETTLEMENT_TRIES, SETTLEMENT_RETRY_PAUSE, Spent};
pub(crate) use record::{CallRecorder, is_in_process};
pub use summary::{UsageSummary, WrongDay, discrepancies_of, right_the_sums};

/// The use cases of the ledger.
#[derive(Clone)]
pub struct Usage {
    pub(crate) app: App,
}
