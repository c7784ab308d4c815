//! The ledger, calls under way, prices.

pub mod calls;
pub mod daily;
pub mod ledger;
pub mod prices;
pub mod quotas;
pub mod summary;
