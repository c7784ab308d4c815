//! The ledger, calls under way, and prices.

mod calls;
mod ledger;
mod prices;
mod rows;
