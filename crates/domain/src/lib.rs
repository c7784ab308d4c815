//! The core of Banyan: entities, rules and ports. It knows no technology.
//!
//! # Conventions of the ports
//! - A unit of work is begun on a [`store::Store`] under an [`access::Scope`]; repositories live in
//!   it, take `&self` and are one per aggregate root.
//! - Verbs are fixed: `get` (an `Option`), `find_by_…`, `list(filter, page)`, `count`, `insert`,
//!   `update`, `remove`, and atomic commands where read-modify-write would race.
//! - The scope is a predicate of every look-up: what it does not reach is as if it did not exist.
//!   A write through a scope that does not reach the row changes nothing and is
//!   [`store::StoreError::Stale`].
//! - What a scope reaches is declared with the row ([`access::Protected`]) and asked in one way:
//!   look-ups and lists by [`access::Scope::filter`] to read, commands by the same to change, inserts by
//!   [`access::Scope::may_add`]. Its refusal, [`store::StoreError::OutOfScope`], comes before any check
//!   of values.
//! - Parts of an aggregate are reached through their whole. Who adds a part must reach the whole to
//!   change it: where the tenant has no such whole the insert is [`store::StoreError::ForeignKey`],
//!   where it is deleted or out of reach [`store::StoreError::Stale`]; a part of another tenant is
//!   `OutOfScope`.
//! - Every command moves `updated_at`: to the time it is given, else to the store's clock.
//! - After [`store::StoreError::Conflict`], `ForeignKey` or `Check` the rest of the transaction is
//!   refused ([`store::StoreError::Poisoned`]) on every backend, as PostgreSQL does.
//! - A write that answers nothing may be sent with the next statement: its error then comes with that
//!   one, or with the commit.

pub mod access;
pub mod admin;
pub mod clock;
pub mod conversations;
pub mod error;
pub mod gateways;
pub mod identity;
pub mod ids;
pub mod knowledge;
pub mod money;
pub mod page;
pub mod store;
pub mod tenancy;
pub mod text;
pub mod usage;
