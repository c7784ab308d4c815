//! The ledger, calls under way, prices.

mod calls;
mod ledger;
mod prices;
mod sums;
