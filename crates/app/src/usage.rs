//! The ledger: what calls to providers cost.

use crate::App;

mod account;
mod reconcile;
mod record;
mod summary;

pub(crate) use account::Spent;
pub(crate) use record::{CallRecorder, is_in_process};
pub use summary::{UsageSummary, discrepancies_of};

/// The use cases of the ledger.
#[derive(Clone)]
pub struct Usage {
    pub(crate) app: App,
}
