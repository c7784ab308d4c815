//! The ledger, calls under way, prices.

mod ledger;
mod prices;
mod rows;
mod sums;
