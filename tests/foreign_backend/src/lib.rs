//! A storage backend that keeps tenants and users, and nothing else.
//!
//! It implements the traits of what it has. All else is `Unsupported` by itself, and named in
//! [`LACKS`], so that nobody asks for it in vain.

mod tables;
mod tenants;
mod users;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use domain::{
    access::Scope,
    identity::UserRepo,
    store::{Capabilities, Mode, Repos, Store, StoreError, Tx},
    tenancy::TenantRepo,
};
use tokio::sync::OwnedMutexGuard;

use crate::tables::Tables;

/// The tables that are not kept, of those that the schema had when this was written. Later ones (`social_links`) belong
/// here once it runs the group `matrix`, which asks for all that is not named.
pub const LACKS: &[&str] = &[
    "installation",
    "roles",
    "user_roles",
    "sessions",
    "refresh_tokens",
    "api_keys",
    "conversations",
    "messages",
    "streams",
    "collections",
    "sources",
    "source_versions",
    "chunks",
    "retrieval_runs",
    "citations",
    "usage_logs",
    "provider_calls",
    "model_prices",
    "audit_logs",
    "jobs",
    "idempotency_keys",
];

/// A store in a map. Clones share their data.
#[derive(Clone, Default)]
pub struct MapStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    committed: Mutex<Tables>,
    /// Held by the one unit of work that writes.
    writer: Arc<tokio::sync::Mutex<()>>,
}

#[async_trait]
impl Store for MapStore {
    async fn begin(&self, scope: &Scope, mode: Mode) -> Result<Box<dyn Tx>, StoreError> {
        let writer = match mode {
            Mode::Read => None,
            Mode::Write => Some(Arc::clone(&self.0.writer).lock_owned().await),
        };
        let tables = locked(&self.0.committed).clone();
        let work = Mutex::new(Work { tables, is_poisoned: false });
        Ok(Box::new(MapTx { shared: Arc::clone(&self.0), scope: scope.clone(), work, writer }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { backend: "map", durable: false, shared: false, row_level_security: false, lacks: LACKS }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A unit of work: a copy of all tables, which a commit puts in place.
struct MapTx {
    shared: Arc<Shared>,
    scope: Scope,
    work: Mutex<Work>,
    /// `None` where it only reads.
    writer: Option<OwnedMutexGuard<()>>,
}

struct Work {
    tables: Tables,
    /// A broken constraint has ended it.
    is_poisoned: bool,
}

impl MapTx {
    fn read<T>(&self, query: impl FnOnce(&Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let work = locked(&self.work);
        if work.is_poisoned { Err(StoreError::Poisoned) } else { query(&work.tables) }
    }

    /// Runs a command. Commands check before they change, so one that fails has changed nothing.
    fn write<T>(&self, command: impl FnOnce(&mut Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut work = locked(&self.work);
        if work.is_poisoned {
            return Err(StoreError::Poisoned);
        }
        if self.writer.is_none() {
            return Err(StoreError::OutOfScope("a read transaction does not write"));
        }
        let result = command(&mut work.tables);
        let is_broken = matches!(result, Err(StoreError::Conflict { .. } | StoreError::ForeignKey));
        work.is_poisoned = is_broken;
        result
    }
}

#[async_trait]
impl Tx for MapTx {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { shared, work, writer, .. } = *self;
        let work = work.into_inner().unwrap_or_else(PoisonError::into_inner);
        if work.is_poisoned {
            return Err(StoreError::Poisoned);
        }
        if writer.is_some() {
            *locked(&shared.committed) = work.tables;
        }
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Only what is kept; the rest is `Unsupported` by default.
impl Repos for MapTx {
    fn tenants(&self) -> &dyn TenantRepo {
        self
    }

    fn users(&self) -> &dyn UserRepo {
        self
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
