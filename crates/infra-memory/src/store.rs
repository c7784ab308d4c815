//! The store and its transactions.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::DateTime;
use domain::{
    access::{Scope, TenantScope},
    clock::{Clock, SystemClock, Timestamp},
    ids::ModelPriceId,
    money::PicoUsdPerToken,
    store::{Capabilities, Mode, Repos, Store, StoreError, Tx},
    usage::ModelPrice,
};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use crate::state::State;

/// How long a write transaction waits for the one before it.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Keeps everything in the memory of this process. Clones share it.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Arc<dyn Clock>,
    committed: Mutex<State>,
    /// Held by the one open write transaction.
    writer: Arc<tokio::sync::Mutex<()>>,
}

impl MemoryStore {
    /// An empty installation that knows one price: the built-in `banyan/extractive` costs nothing.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_prices(clock, Vec::new())
    }

    /// What is committed.
    #[cfg(test)]
    pub(crate) fn state(&self) -> State {
        locked(&self.shared.committed).clone()
    }

    /// An empty installation that knows these prices beside that of `banyan/extractive`.
    #[must_use]
    pub fn with_prices(clock: Arc<dyn Clock>, mut prices: Vec<ModelPrice>) -> Self {
        prices.push(extractive_price());
        let mut state = State::default();
        for price in prices {
            state.model_prices.put(price);
        }
        let committed = Mutex::new(state);
        Self { shared: Arc::new(Shared { clock, committed, writer: Arc::default() }) }
    }
}

impl Default for MemoryStore {
    /// An empty installation by the system's clock.
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

/// The built-in model's price: a known zero, at all times.
fn extractive_price() -> ModelPrice {
    ModelPrice {
        id: ModelPriceId(Uuid::nil()),
        provider: "banyan".to_owned(),
        model: "extractive".to_owned(),
        input: PicoUsdPerToken(0),
        cached_input: None,
        output: PicoUsdPerToken(0),
        valid_from: DateTime::UNIX_EPOCH,
        valid_to: None,
        source: "built in, runs in the process".to_owned(),
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self, scope: &Scope, mode: Mode) -> Result<Box<dyn Tx>, StoreError> {
        if let Scope::Installation { reason } = scope {
            tracing::debug!(reason, "begin a unit of work of the installation");
        }
        let writer = match mode {
            Mode::Read => None,
            Mode::Write => {
                let waiting = Arc::clone(&self.shared.writer).lock_owned();
                let writer = tokio::time::timeout(BEGIN_TIMEOUT, waiting).await;
                Some(writer.map_err(|elapsed| StoreError::Busy(format!("the writer was not free: {elapsed}")))?)
            }
        };
        let state = locked(&self.shared.committed).clone();
        Ok(Box::new(MemoryTx {
            shared: Arc::clone(&self.shared),
            scope: scope.clone(),
            work: Mutex::new(Work { state, poisoned: false }),
            writer,
        }))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { backend: "memory", durable: false, shared: false, row_level_security: false, lacks: &[] }
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// An open unit of work: a copy of the state that a commit puts in place.
pub(crate) struct MemoryTx {
    shared: Arc<Shared>,
    pub(crate) scope: Scope,
    work: Mutex<Work>,
    /// `None` in a read transaction.
    writer: Option<OwnedMutexGuard<()>>,
}

struct Work {
    state: State,
    /// An earlier error ended the transaction.
    poisoned: bool,
}

impl MemoryTx {
    /// Runs a query.
    pub(crate) fn read<T>(&self, query: impl FnOnce(&State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let work = locked(&self.work);
        if work.poisoned {
            return Err(StoreError::Poisoned);
        }
        query(&work.state)
    }

    /// Runs a command. One that fails changes nothing; one that breaks a constraint ends the
    /// transaction, as it does on PostgreSQL. References that may be fulfilled later are left to the
    /// commit.
    pub(crate) fn write<T>(&self, command: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut work = locked(&self.work);
        if work.poisoned {
            return Err(StoreError::Poisoned);
        }
        if self.writer.is_none() {
            return Err(StoreError::OutOfScope("a read transaction does not write"));
        }
        let mut changed = work.state.clone();
        let answer = command(&mut changed);
        match &answer {
            Ok(_) => work.state = changed,
            Err(StoreError::Conflict { .. } | StoreError::ForeignKey | StoreError::Check(_)) => work.poisoned = true,
            Err(_) => {}
        }
        answer
    }

    /// The tenant's scope.
    pub(crate) fn tenant(&self) -> Result<&TenantScope, StoreError> {
        self.scope.tenant().ok_or(StoreError::OutOfScope("the scope has no tenant"))
    }

    /// Refuses any scope but that of the installation.
    pub(crate) fn need_installation(&self) -> Result<(), StoreError> {
        match self.scope {
            Scope::Installation { .. } => Ok(()),
            Scope::Tenant(_) | Scope::SignIn => Err(StoreError::OutOfScope("needs the scope of the installation")),
        }
    }

    /// Refuses the scope of sign-in, which reaches its own look-ups only.
    pub(crate) fn refuse_sign_in(&self) -> Result<(), StoreError> {
        match self.scope {
            Scope::SignIn => Err(StoreError::OutOfScope("sign-in reaches its own look-ups only")),
            Scope::Tenant(_) | Scope::Installation { .. } => Ok(()),
        }
    }

    /// The present time, for columns that a command changes without naming a time.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }
}

/// Locks a mutex. A panic elsewhere leaves whole values only: each change is one assignment.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Tx for MemoryTx {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        let Self { shared, work, writer, .. } = *self;
        let Work { mut state, poisoned } = work.into_inner().unwrap_or_else(PoisonError::into_inner);
        if poisoned {
            return Err(StoreError::Poisoned);
        }
        if writer.is_some() {
            if !std::mem::take(&mut state.deferred).iter().all(|holds| holds(&state)) {
                return Err(StoreError::ForeignKey);
            }
            *locked(&shared.committed) = state;
        }
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Repos for MemoryTx {
    domain::lend_repos!();
}
