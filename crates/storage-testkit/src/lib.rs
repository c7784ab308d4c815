//! The contract that every storage backend must pass, for the backends of this repository and for
//! those outside it.
//!
//! A backend lends itself by a [`Harness`], which has one fresh, empty, migrated store:
//!
//! ```ignore
//! async fn harness() -> MyHarness { … }
//! storage_testkit::contract_tests!(harness);
//! ```
//!
//! The macro makes one test of every case, named `<group>::<case>`. Cases read like documentation:
//! each says what it holds a backend to, and fails with a panic.
//!
//! [`World`], [`Fixtures`], [`ManualClock`], [`SeededIds`] and [`scopes`] help other tests too.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a library of tests, which fail by panics")]

mod fixtures;
mod harness;
mod page;
mod ports;
mod subject;
mod suite;
mod world;

pub mod admin;
pub mod conversations;
pub mod identity;
pub mod knowledge;
pub mod matrix;
pub mod recall;
pub mod scopes;
pub mod standard;
pub mod storm;
pub mod tenancy;
pub mod transactions;
pub mod usage;
pub mod values;

pub use fixtures::{Fixtures, add_stream, lease_of, normalised, open_stream};
pub use harness::{Harness, run};
pub use ports::{ManualClock, SeededIds};
pub use subject::{At, Key, Listing, Needs, Person, Reading, Reference, Running, Subject, Unique, Verb, may_add_part};
pub use suite::cases;
pub use world::{Cast, World, assert_conflict};
