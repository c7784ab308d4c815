//! The ledger, calls under way, prices.

mod daily;
mod ledger;
mod prices;
mod quotas;
pub(crate) mod rows;
mod sums;
