//! The unit of work as use cases hold it.

use std::{
    mem,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    access::{Actor, Scope},
    clock::Timestamp,
    gateways::Topic,
    ids::TenantId,
    store::{Mode, Tx},
};

use crate::{App, Error, Result};

mod frame;
#[cfg(test)]
mod tests;

/// An open unit of work: the repositories under a scope, and what is to follow the commit. Only the
/// frame begins and ends one; dropping it undoes everything.
///
/// It is a type of its own, not `&dyn Tx`, so that the compiler can show that work which holds one
/// may run in a spawned task. The frame keeps a share of it while the work has the other.
pub(crate) struct Uow(Arc<Open>);

struct Open {
    tx: Box<dyn Tx>,
    app: App,
    scope: Scope,
    by: Option<Arc<Actor>>,
    after: Mutex<Vec<After>>,
}

/// What follows a commit.
enum After {
    Run(Box<dyn FnOnce(&App) + Send>),
    Wake(Topic),
}

impl Deref for Uow {
    type Target = dyn Tx;

    fn deref(&self) -> &(dyn Tx + 'static) {
        self.0.tx.as_ref()
    }
}

impl Uow {
    /// Begins one in a scope, by an actor if there is one.
    async fn begin(app: &App, scope: &Scope, by: Option<&Arc<Actor>>, mode: Mode) -> Result<Self> {
        let tx = app.parts.store.begin_as(scope, mode, app.priority).await?;
        let (app, scope, by) = (app.clone(), scope.clone(), by.map(Arc::clone));
        Ok(Self(Arc::new(Open { tx, app, scope, by, after: Mutex::default() })))
    }

    /// The share that the work gets.
    fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// The application that the work belongs to.
    pub(crate) fn app(&self) -> &App {
        &self.0.app
    }

    /// The scope that it was begun in.
    pub(crate) fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// For whom it was begun, unless by ourselves.
    pub(crate) fn by(&self) -> Option<&Actor> {
        self.0.by.as_deref()
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.app.now()
    }

    /// Does something in this process once the work is committed, and never if it is not.
    pub(crate) fn after_commit(&self, effect: impl FnOnce(&App) + Send + 'static) {
        self.add(After::Run(Box::new(effect)));
    }

    /// Wakes whoever listens, in every process, once the work is committed.
    pub(crate) fn wake(&self, topic: Topic) {
        self.add(After::Wake(topic));
    }

    fn add(&self, after: After) {
        self.0.after.lock().unwrap_or_else(PoisonError::into_inner).push(after);
    }

    /// Commits, and does what is to follow, in the order in which the work asked for it.
    ///
    /// # Errors
    /// `internal` when the work kept its share: then nothing is committed, now or later.
    async fn commit(self) -> Result<()> {
        let open = Arc::into_inner(self.0);
        let Open { tx, app, mut after, .. } =
            open.ok_or_else(|| Error::internal("the work kept its unit of work, so nothing was committed"))?;
        tx.commit().await?;
        for after in mem::take(after.get_mut().unwrap_or_else(PoisonError::into_inner)) {
            match after {
                After::Run(effect) => effect(&app),
                After::Wake(topic) => app.parts.wakeups.send(topic).await,
            }
        }
        Ok(())
    }
}

/// The tenant of a scope that the policy gave.
pub(crate) fn tenant_of(scope: &Scope) -> Result<TenantId> {
    scope.tenant_id().ok_or_else(Error::unauthenticated)
}
