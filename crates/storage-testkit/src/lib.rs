//! The contract that every storage backend must pass, for the backends of this repository and for
//! those outside it.
//!
//! A backend lends itself by a [`Harness`]; [`run`] tries one case on it:
//!
//! ```
//! use std::sync::Arc;
//!
//! use domain::{clock::Clock, store::Store};
//! use infra_memory::MemoryStore; // your own backend
//! use storage_testkit::{Harness, run, standard, tenancy::Tenants, transactions};
//!
//! struct Mine(MemoryStore);
//!
//! impl Harness for Mine {
//!     fn store(&self) -> Arc<dyn Store> {
//!         Arc::new(self.0.clone())
//!     }
//! }
//!
//! /// Makes one fresh store for each case, around the clock of the suite.
//! async fn harness(clock: Arc<dyn Clock>) -> Mine {
//!     Mine(MemoryStore::new(clock))
//! }
//!
//! run(harness, transactions::a_drop_is_a_rollback);
//! run(harness, standard::keys_are_unique::<Tenants>);
//! ```
//!
//! In its tests, [`contract_tests!`] makes one test of every case, named `<group>::<case>`; or of those
//! groups alone that it is ready for:
//!
//! ```ignore
//! storage_testkit::contract_tests!(harness);
//! storage_testkit::contract_tests!(harness; tenants, users);
//! ```
//!
//! `tenants` needs [`Store::begin`](domain::store::Store::begin) and the repository of tenants, and
//! `users` those two and its own; with them a backend may begin. The group `transactions` tries a bit
//! of everything, and `matrix` all that the backend does not name in
//! [`Capabilities::lacks`](domain::store::Capabilities::lacks). `tests/foreign_backend` in the
//! repository is a backend outside the workspace that has these two groups and no more.
//!
//! # What a fresh store must know
//! Each case gets a store of its own, which lives as long as the case.
//! - It is migrated, and holds no tenant, no user and no other row than the following.
//! - It has the row of the installation, which is not set up (`InstallationRepo::get`).
//! - It has a price of the built-in model `banyan/extractive`, in force for some time already and until
//!   further notice, at zero for every kind of token; of other models none.
//! - It goes by the clock that it is made with, which stands still until a case moves it. What it
//!   stores by itself (`updated_at` after a command that names no time) is that clock's time; a trigger
//!   of a schema that writes another time where two times are equal meets none that are: between two
//!   changes of a row the cases move the clock.
//! - Unique keys have names that hold the table's, and mostly the column's: `uq_users_email`.
//! - Several units of work are open at once, on threads of two workers. Where one loses to another,
//!   [`StoreError::Retry`](domain::store::StoreError::Retry) may be returned.
//!
//! # What follows by itself
//! A type of row is a [`Subject`]: one trait's worth of code that says how rows are made, found and
//! changed, what is unique and what they refer to. The cases of [`standard`] follow from it, with the
//! rules of reach as the domain has them ([`Protected`](domain::access::Protected)), and so do the
//! lines of the [`matrix`], which is committed as `reach_matrix.txt`. Other cases read like
//! documentation: each says what it holds a backend to, and fails with a panic.
//!
//! # Versions
//! What a new aggregate and a new method of ours do to a backend elsewhere is said in
//! [`domain::store`]: a new aggregate is a new group, which an older backend does not run; its tables
//! are then in the backend's [`Capabilities::lacks`](domain::store::Capabilities::lacks). A new case in
//! a group that it runs is new in a minor version, or shows a fault.
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

pub use async_trait::async_trait;
pub use fixtures::{Fixtures, add_stream, lease_of, normalised, open_stream};
pub use harness::{Harness, run};
pub use ports::{ManualClock, SeededIds};
pub use subject::{At, Key, Listing, Needs, Person, Reading, Reference, Running, Subject, Unique, Verb, may_add_part};
pub use suite::cases;
pub use world::{Cast, World, assert_conflict};
