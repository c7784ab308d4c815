//! The core of Banyan: entities, rules and ports. It knows no technology.
//!
//! Nothing reaches data without a decided right to it. The [`access::Policy`] decides what an actor
//! may do and hands out a [`access::Scope`], without which a [`store::Store`] begins no unit of work:
//!
//! ```
//! use domain::{
//!     access::{Actor, Area, Credential, Denied, Permission, Policy, Reach, SystemRole},
//!     identity::Username,
//!     ids::{IdGen as _, RandomIds, TenantId, UserId},
//! };
//!
//! // An authenticated user: a viewer of a tenant.
//! let ada = Actor {
//!     user_id: UserId(RandomIds.random()),
//!     tenant_id: Some(TenantId(RandomIds.random())),
//!     is_superadmin: false,
//!     is_tenant_admin: false,
//!     permissions: SystemRole::Viewer.permissions(),
//!     credential: Credential::Embedded,
//!     ip_address: None,
//!     user_agent: None,
//! };
//!
//! // She may read conversations: her own, and what others show to her tenant.
//! let scope = Policy.allow(&ada, Permission::ConversationsRead)?;
//! assert_eq!(scope.tenant_id(), ada.tenant_id);
//! assert_eq!(scope.tenant().map(|tenant| tenant.reach(Area::Conversations)), Some(Reach::Visible));
//!
//! // She may not write any, so there is no scope to do it in.
//! let denied = Policy.allow(&ada, Permission::ConversationsWrite);
//! assert_eq!(denied, Err(Denied::MissingPermission(Permission::ConversationsWrite)));
//!
//! // A value with a rule is a type of its own; whatever breaks the rule never becomes one.
//! assert_eq!(Username::parse("Ada")?.as_str(), "ada");
//! let refused = Username::parse("ada lovelace").unwrap_err();
//! assert_eq!((refused.field.as_str(), refused.code), ("username", "not_a_username"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
//! - A write that returns nothing may be sent with the next statement: its error then comes with that
//!   one, or with the commit.
//!
//! # Writing a repository
//! A backend implements one trait per aggregate root; the package `storage-testkit` holds the
//! contract that tests it, case by case. These are the rules behind the cases.
//!
//! **The scope is a predicate of every look-up.** It stands in the statement itself, beside the tenant;
//! a row that was read first and checked afterwards has been counted, paged and locked already. What
//! is not reached gives the same result as what does not exist: `None` from a look-up, nothing in a list
//! and its count, [`Stale`](store::StoreError::Stale) from a command, so that nobody learns what
//! others have. A scope of the wrong kind (sign-in, installation) is
//! [`OutOfScope`](store::StoreError::OutOfScope), as is a new row that the scope does not reach.
//!
//! **Errors say what the caller can do.** "Not there" is no error but `None` or `false`.
//! - [`Conflict`](store::StoreError::Conflict): a unique key is taken; name the constraint as the schema does,
//!   for use cases tell by the name what to say.
//! - [`ForeignKey`](store::StoreError::ForeignKey): the row refers to one that its tenant does not have, or is
//!   itself referred to.
//! - [`Check`](store::StoreError::Check): a value or a step that the schema refuses. Keep such rules in the
//!   backend although the domain has them too.
//! - [`Stale`](store::StoreError::Stale): the row, version, lease or fence that a command names is no longer so.
//! - [`Retry`](store::StoreError::Retry): the database chose this transaction as the loser; the same work
//!   may be done again as a whole.
//! - [`Busy`](store::StoreError::Busy): the database is well, and no place at it was free in time.
//!   [`Unavailable`](store::StoreError::Unavailable): it cannot be reached.
//!   [`Corrupt`](store::StoreError::Corrupt): a stored value that the domain cannot read; never replace it by
//!   a default. [`Backend`](store::StoreError::Backend): all else.
//!
//! **Poisoning.** After `Conflict`, `ForeignKey` or `Check` the unit of work refuses every further
//! statement and the commit with [`Poisoned`](store::StoreError::Poisoned); dropping it leaves nothing
//! behind. A backend that could go on must refuse all the same, or a use case that works on it fails on
//! another. So does a statement that failed in the database or was cut off, as nobody knows what it did.
//! A command that found nothing (`Stale`) and what was refused before it was sent (`OutOfScope`) poison nothing,
//! unless the command was kept for later: then others have built on it.
//!
//! **Deferred writes.** A backend may keep a write that returns nothing and send it with the next
//! statement, at the latest with the commit. Its error then comes from there. So `Ok(())` means "taken", and
//! a command whose outcome somebody acts on returns it (`bool`, the new value), which also sends it. Reads
//! see what was written before them, and two writes of one table happen in their order.
//!
//! **Order.** Every list has an order that the trait names, down to the last tie: mostly newest first,
//! by `created_at` and then by id, both descending. An order that a database happens to have is none.
//!
//! **Keyset pages.** A [`page::Cursor`] is the place of the last item in that order, and a page holds what
//! comes strictly after it, compared as a pair: rows that came meanwhile shift nothing. Read one row more
//! than the limit and give them to [`page::Page::from_rows`], which sees by it whether there is a next page.
//!
//! **Commands instead of read and write.** Where two callers would race between reading and writing
//! (a lease, a counter, a flag that is set once), the condition stands in the writing statement, and the
//! number of changed rows is the answer. A rule over several rows ("one live job per source") is a unique
//! key of the schema.

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
mod names;
pub mod page;
pub mod store;
pub mod tenancy;
pub mod text;
pub mod usage;
