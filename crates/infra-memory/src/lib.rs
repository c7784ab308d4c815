//! The in-memory backend, for embedders and tests.
//!
//! [`MemoryStore`] is a [`domain::store::Store`] that is as strict as the SQL backends: foreign
//! keys within the tenant, unique keys by name, steps of statuses, NUL refused, a transaction
//! refused after its first broken constraint. It keeps nothing when the process ends.
//!
//! Its tables are persistent maps: a transaction works on a copy that shares all it does not change,
//! and a commit puts that copy in place. So a rollback, or a drop, is nothing at all, and a reader
//! sees the state that was committed when it began. One write transaction is open at a time.

mod admin;
mod blob_store;
mod check;
mod conversations;
mod identity;
mod knowledge;
mod page;
mod reach;
mod state;
mod store;
mod tenancy;
mod usage;
mod wakeups;

pub use blob_store::MemoryBlobStore;
pub use store::MemoryStore;
pub use wakeups::MemoryWakeups;
