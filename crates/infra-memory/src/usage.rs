//! The ledger, calls under way, prices.

mod daily;
mod ledger;
mod prices;
pub(crate) mod rows;
mod sums;
