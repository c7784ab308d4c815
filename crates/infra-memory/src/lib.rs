//! The in-memory backend, for embedders and tests.
//!
//! ```
//! use std::sync::Arc;
//!
//! use domain::{access::Scope, clock::SystemClock, store::{Mode, Store, StoreError}};
//! use infra_memory::MemoryStore;
//! use storage_testkit::Fixtures;
//!
//! # fn main() -> Result<(), StoreError> {
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
//! # runtime.map_err(|error| StoreError::Backend(Box::new(error)))?.block_on(async {
//! let store = MemoryStore::new(Arc::new(SystemClock));
//! let make = Fixtures::default();
//! let acme = make.tenant("acme");
//! let ada = make.user(Some(acme.id), "ada");
//!
//! let tx = store.begin(&Scope::system_in(acme.id), Mode::Write).await?;
//! tx.tenants().insert(&acme).await?;
//! tx.users().insert(&ada).await?;
//! tx.commit().await?;
//!
//! let tx = store.begin(&Scope::system_in(acme.id), Mode::Read).await?;
//! assert_eq!(tx.users().get(ada.id).await?, Some(ada));
//! # Ok(()) })
//! # }
//! ```
//!
//! [`MemoryStore`] is a [`domain::store::Store`] that is as strict as the SQL backends: foreign
//! keys within the tenant, unique keys by name, steps of statuses, NUL refused, a transaction
//! refused after its first broken constraint. It keeps nothing when the process ends.
//!
//! Its tables are persistent maps: a transaction works on a copy that shares all it does not change,
//! and a commit puts that copy in place. So a rollback, or a drop, is nothing at all, and a reader
//! sees the state that was committed when it began. One write transaction is open at a time.
//!
//! A type of rows declares its keys and references once; inserts, updates and removals follow from
//! that in one place for all of them.

mod admin;
mod blob_store;
mod check;
mod conversations;
mod identity;
mod knowledge;
mod page;
mod reached;
mod references;
mod state;
mod store;
mod table;
mod tenancy;
mod usage;
mod wakeups;

pub use blob_store::MemoryBlobStore;
pub use store::MemoryStore;
pub use wakeups::MemoryWakeups;
