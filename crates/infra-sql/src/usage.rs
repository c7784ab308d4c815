//! The ledger, calls under way, and prices.

pub(crate) mod calls;
mod daily;
mod ledger;
pub(crate) mod prices;
mod quotas;
pub(crate) mod rows;
mod summary;
