//! Units of work: beginning them, doing an effect once, and not being cancelled in the middle.

use std::future::Future;

use domain::{
    access::{Actor, Scope},
    admin::{IdempotencyRecord, idempotency::KEEP_HOURS},
    ids::{TenantId, UserId},
    store::{Mode, Tx},
};

use crate::{App, Error, ErrorKind, Idempotent, Outcome, Result};

/// Tries of a unit of work that lost to another one.
const MAX_TRIES: u32 = 5;

impl App {
    /// Begins reading.
    pub(crate) async fn read(&self, scope: &Scope) -> Result<Box<dyn Tx>> {
        Ok(self.parts.store.begin(scope, Mode::Read).await?)
    }

    /// Begins writing. Dropping the unit of work undoes it.
    pub(crate) async fn write(&self, scope: &Scope) -> Result<Box<dyn Tx>> {
        Ok(self.parts.store.begin(scope, Mode::Write).await?)
    }

    /// Runs `work` in a task of its own: it goes on when the caller is gone.
    pub(crate) async fn detached<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.parts.tasks.spawn(work).await.map_err(Error::internal)?
    }

    /// Does `attempt` again while it loses to other transactions, a bounded number of times.
    pub(crate) async fn retrying<T, F: Future<Output = Result<T>>>(&self, attempt: impl Fn() -> F) -> Result<T> {
        let mut tries = 1;
        loop {
            match attempt().await {
                Err(error) if error.is_retryable() && tries < MAX_TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    /// Does an effect in one unit of work, and under an idempotency key only once: the key's row is
    /// written with the effect, and a repetition gets the kept answer.
    ///
    /// `work` hands the unit of work back with its value; it is called again when it loses to
    /// another transaction.
    pub(crate) async fn effect<T, F>(
        &self,
        actor: &Actor,
        scope: &Scope,
        idempotent: Option<&Idempotent<T>>,
        work: impl Fn(Box<dyn Tx>) -> F,
    ) -> Result<Outcome<T>>
    where
        F: Future<Output = Result<(T, Box<dyn Tx>)>>,
    {
        self.retrying(|| async {
            let tx = self.write(scope).await?;
            // Keys belong to users of a tenant; a superadmin's repetition meets the unique names.
            let keyed = idempotent.filter(|_| !actor.is_superadmin).zip(scope.tenant_id());
            if let Some((request, _)) = keyed
                && let Some(kept) = self.kept_answer(tx.as_ref(), request).await?
            {
                return Ok(Outcome::Replayed(kept));
            }
            let (value, tx) = match work(tx).await {
                Ok(done) => done,
                // A request with the same key may have finished while this one waited for a lock.
                Err(error) => match keyed {
                    Some((request, _)) => return self.answered_meanwhile(scope, request, error).await,
                    None => return Err(error),
                },
            };
            if let Some((request, tenant_id)) = keyed {
                tx.idempotency().insert(&self.record_of(request, tenant_id, actor.user_id, &value)).await?;
            }
            tx.commit().await?;
            Ok(Outcome::Done(value))
        })
        .await
    }

    /// The answer that another request with the same key has left, or else this one's refusal.
    async fn answered_meanwhile<T>(
        &self,
        scope: &Scope,
        request: &Idempotent<T>,
        refusal: Error,
    ) -> Result<Outcome<T>> {
        let tx = self.read(scope).await?;
        let kept = self.kept_answer(tx.as_ref(), request).await?;
        tx.commit().await?;
        kept.map(Outcome::Replayed).ok_or(refusal)
    }

    async fn kept_answer<T>(&self, tx: &dyn Tx, request: &Idempotent<T>) -> Result<Option<domain::admin::KeptAnswer>> {
        let Some(record) = tx.idempotency().get(&request.key, self.now()).await? else { return Ok(None) };
        if record.fingerprint != request.fingerprint {
            let message = "this Idempotency-Key was used for another request; take a new key";
            return Err(Error::new(ErrorKind::Invalid, "idempotency_key_reused", message));
        }
        Ok(Some(record.answer))
    }

    fn record_of<T>(
        &self,
        request: &Idempotent<T>,
        tenant_id: TenantId,
        user_id: UserId,
        value: &T,
    ) -> IdempotencyRecord {
        let now = self.now();
        IdempotencyRecord {
            tenant_id,
            user_id,
            key: request.key.clone(),
            fingerprint: request.fingerprint.clone(),
            answer: (request.render)(value),
            created_at: now,
            expires_at: now + chrono::TimeDelta::hours(KEEP_HOURS),
        }
    }
}
