//! The schema on both databases.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod access;
mod catalogue;
mod database;
mod fixture;
mod migrate;
mod references;
mod seed_columns;
mod steps;
mod upgrades;
