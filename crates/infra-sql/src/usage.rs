//! The ledger, calls under way, and prices.

pub(crate) mod calls;
mod ledger;
pub(crate) mod prices;
pub(crate) mod rows;
