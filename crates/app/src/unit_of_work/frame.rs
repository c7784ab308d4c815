//! The frame of a use case: a read and a change, each one call over a concrete unit of work.
//!
//! | call | asks the policy | runs | leaves in the audit log |
//! |---|---|---|---|
//! | [`App::query`], [`App::query_in`] | the first | here | nothing: it reads |
//! | [`App::change`] | for a permission | in a task of its own | the act that the work returns |
//! | [`App::change_once`], [`App::change_in`] | no: the scope is given | here | the act that the work returns |
//! | [`App::unaudited`] | no: the scope is given | here | nothing, and says why |
//!
//! The work of a change may be called more than once, so it takes its [`Uow`] by value and is a plain
//! `Fn`; see ADR 3 for what the compiler can show of it in spawned tasks.

use std::{future::Future, sync::Arc, time::Duration};

use domain::{
    access::{Actor, Permission, Scope},
    store::Mode,
};
use tokio::time::timeout;
use tracing::Instrument as _;

use super::Uow;
use crate::{App, Error, ErrorKind, Idempotent, Outcome, Result, audit::Audited};

/// Tries of a unit of work that lost to another one.
const MAX_TRIES: u32 = 5;
/// How long the work in a unit of work may last, with its place at the database and its locks held; a test
/// does not wait that long.
pub(super) const DEADLINE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 60 });

/// By which right a change is made.
pub(crate) enum Right {
    /// A permission, which the policy is asked for.
    Permission(Permission),
    /// A scope that the policy gave before, where values had to be checked in between.
    Scope(Scope),
}

impl From<Permission> for Right {
    fn from(permission: Permission) -> Self {
        Self::Permission(permission)
    }
}

impl From<Scope> for Right {
    fn from(scope: Scope) -> Self {
        Self::Scope(scope)
    }
}

impl App {
    /// Asks the policy for the scope of a permission.
    pub(crate) fn allow(&self, actor: &Actor, permission: Permission) -> Result<Scope> {
        Ok(self.parts.policy.allow(actor, permission)?)
    }

    /// Reads, in one snapshot, what a permission lets the actor see.
    pub(crate) async fn query<T>(
        &self,
        actor: &Actor,
        permission: Permission,
        read: impl AsyncFnOnce(&Uow) -> Result<T>,
    ) -> Result<T> {
        self.query_in(&self.allow(actor, permission)?, read).await
    }

    /// Reads, in one snapshot, in a scope that was decided before.
    pub(crate) async fn query_in<T>(&self, scope: &Scope, read: impl AsyncFnOnce(&Uow) -> Result<T>) -> Result<T> {
        let tx = Uow::begin(self, scope, None, Mode::Read).await?;
        let value = timeout(DEADLINE, read(&tx)).await.map_err(Error::busy)??;
        tx.commit().await?;
        Ok(value)
    }

    /// A change that an actor asks for, from the policy to what follows the commit. It goes on when
    /// its caller gives up waiting. Under an idempotency key it is done once, and a repetition gets
    /// the kept answer.
    ///
    /// # Errors
    /// The policy's refusal, the work's own error, and those of the store.
    pub(crate) async fn change<T, A, F>(
        &self,
        actor: &Actor,
        right: impl Into<Right>,
        idempotent: Option<Idempotent<T>>,
        work: impl Fn(Uow) -> F + Send + Sync + 'static,
    ) -> Result<Outcome<T>>
    where
        T: Send + Sync + 'static,
        A: Into<Audited> + Send,
        F: Future<Output = Result<(T, A)>> + Send,
    {
        let scope = match right.into() {
            Right::Permission(permission) => self.allow(actor, permission)?,
            Right::Scope(scope) => scope,
        };
        let (app, actor) = (self.clone(), Arc::new(actor.clone()));
        self.detached(async move { app.change_once(&actor, &scope, idempotent.as_ref(), work).await }).await
    }

    /// The same in a scope that was decided before, and in the task of the caller: for a use case that
    /// has more to do than its unit of work, all of it under [`App::detached`].
    pub(crate) async fn change_once<T, A, F>(
        &self,
        actor: &Arc<Actor>,
        scope: &Scope,
        idempotent: Option<&Idempotent<T>>,
        work: impl Fn(Uow) -> F,
    ) -> Result<Outcome<T>>
    where
        A: Into<Audited>,
        F: Future<Output = Result<(T, A)>>,
    {
        // Keys belong to users of a tenant; a superadmin's repetition meets the unique names.
        let keyed = idempotent.filter(|_| !actor.is_superadmin && scope.tenant_id().is_some());
        self.retrying(|| self.attempt(scope, Some(actor), keyed, &work)).await
    }

    /// A change in a scope that was decided before, in the task of the caller and without a key: by
    /// an actor, by whom the act names, or by ourselves.
    pub(crate) async fn change_in<T, A, F>(
        &self,
        scope: &Scope,
        by: Option<&Arc<Actor>>,
        work: impl Fn(Uow) -> F,
    ) -> Result<T>
    where
        A: Into<Audited>,
        F: Future<Output = Result<(T, A)>>,
    {
        self.retrying(|| self.attempt(scope, by, None, &work)).await?.into_done()
    }

    /// A change that by design leaves no row in the audit log: bookkeeping of our own, leases, and
    /// what another record says already. `why` says so in the code and in traces.
    pub(crate) async fn unaudited<T, F>(&self, scope: &Scope, why: &'static str, work: impl Fn(Uow) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let work = &work;
        self.change_in(scope, None, |tx| async move { Ok((work(tx).await?, Audited::nothing(why))) }).await
    }

    /// Runs `work` in a task of its own, under the caller's span: it goes on when the caller is gone.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.parts.tasks.spawn(work.in_current_span()).await.map_err(Error::internal)?
    }

    // Retrying. A unit of work that lost to another one has changed nothing: its transaction is rolled
    // back, and what it wanted done after its commit is dropped with its `Uow`. So the whole of it is
    // done again, from its first read on, because what it read may be what the winner has changed; the
    // policy alone is not asked again. A key that another request has taken meanwhile is such a loss
    // too: the next try finds the winner's answer. Nothing else is tried again. A connection that
    // breaks under a commit may have committed, and the work must not act twice.
    async fn retrying<T, F: Future<Output = Result<T>>>(&self, attempt: impl Fn() -> F) -> Result<T> {
        let mut tries = 1;
        loop {
            match attempt().await {
                Err(error) if error.is_retryable() && tries < MAX_TRIES => tries += 1,
                outcome => {
                    if let Err(error) = &outcome
                        && error.kind == ErrorKind::StorageFull
                    {
                        self.note_full(&error.to_string());
                    }
                    return outcome;
                }
            }
        }
    }

    /// One try of a change. The key's answer is looked for and kept in the same unit of work, and the
    /// audit row goes with the change that it describes.
    async fn attempt<T, A, F>(
        &self,
        scope: &Scope,
        by: Option<&Arc<Actor>>,
        keyed: Option<&Idempotent<T>>,
        work: &impl Fn(Uow) -> F,
    ) -> Result<Outcome<T>>
    where
        A: Into<Audited>,
        F: Future<Output = Result<(T, A)>>,
    {
        let tx = Uow::begin(self, scope, by, Mode::Write).await?;
        if let Some(request) = keyed
            && let Some(kept) = request.kept(&tx).await?
        {
            return Ok(Outcome::Replayed(kept));
        }
        let worked = timeout(DEADLINE, work(tx.share())).await.unwrap_or_else(|late| Err(Error::busy(late)));
        let (value, act) = match worked {
            Ok(done) => done,
            Err(refusal) => {
                drop(tx);
                let Some(request) = keyed else { return Err(refusal) };
                // A request with the same key may have finished while this one waited for a lock.
                let kept = self.query_in(scope, async |tx| request.kept(tx).await).await?;
                return kept.map(Outcome::Replayed).ok_or(refusal);
            }
        };
        act.into().write(&tx).await?;
        if let Some(request) = keyed {
            request.keep(&tx, &value).await?;
        }
        tx.commit().await?;
        Ok(Outcome::Done(value))
    }
}
