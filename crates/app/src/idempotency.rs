//! Idempotency keys: a request that is sent twice acts once.

use std::{fmt, sync::Arc};

use domain::{
    admin::{IdempotencyRecord, KeptAnswer, idempotency::KEEP_HOURS},
    error::ValueError,
};

use crate::{
    Error, ErrorKind, Result,
    unit_of_work::{Uow, tenant_of},
};

/// Most characters of a key.
pub const MAX_KEY_CHARS: usize = 255;

/// Turns the value of an effect into the answer that is kept.
pub type Render<T> = Arc<dyn Fn(&T) -> KeptAnswer + Send + Sync>;

/// A request that named a key.
#[derive(Clone)]
pub struct Idempotent<T> {
    /// The caller's key.
    pub key: String,
    /// SHA-256 in hexadecimal over what makes the request this one (method, path, body).
    pub fingerprint: String,
    /// How its answer looks.
    pub render: Render<T>,
}

impl<T> Idempotent<T> {
    /// A request under `key`.
    ///
    /// # Errors
    /// `not_a_key` unless the key has 1 to [`MAX_KEY_CHARS`] visible ASCII characters.
    pub fn new(key: &str, fingerprint: String, render: Render<T>) -> Result<Self, ValueError> {
        let valid = !key.is_empty() && key.len() <= MAX_KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_graphic());
        if valid {
            Ok(Self { key: key.to_owned(), fingerprint, render })
        } else {
            let message = format!("must have 1 to {MAX_KEY_CHARS} visible ASCII characters");
            Err(ValueError::new("Idempotency-Key", "not_a_key", message))
        }
    }

    /// The answer that a request under this key has left, if any has.
    pub(crate) async fn kept(&self, tx: &Uow) -> Result<Option<KeptAnswer>> {
        let Some(record) = tx.idempotency().get(&self.key, tx.now()).await? else { return Ok(None) };
        if record.fingerprint != self.fingerprint {
            let message = "this Idempotency-Key was used for another request; take a new key";
            return Err(Error::new(ErrorKind::Invalid, "idempotency_key_reused", message));
        }
        Ok(Some(record.answer))
    }

    /// Keeps the answer of what was done now, in the unit of work that did it.
    pub(crate) async fn keep(&self, tx: &Uow, value: &T) -> Result<()> {
        let by = tx.by().ok_or_else(|| Error::internal("an idempotency key belongs to a user"))?;
        let now = tx.now();
        let record = IdempotencyRecord {
            tenant_id: tenant_of(tx.scope())?,
            user_id: by.user_id,
            key: self.key.clone(),
            fingerprint: self.fingerprint.clone(),
            answer: (self.render)(value),
            created_at: now,
            expires_at: now + chrono::TimeDelta::hours(KEEP_HOURS),
        };
        Ok(tx.idempotency().insert(&record).await?)
    }
}

impl<T> fmt::Debug for Idempotent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent").field("key", &self.key).finish_non_exhaustive()
    }
}

/// What came of a request that may have been sent before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was done now.
    Done(T),
    /// It had been done before; this was the answer.
    Replayed(KeptAnswer),
}

impl<T> Outcome<T> {
    /// The value of a request that named no key, and so cannot be a repetition.
    ///
    /// # Errors
    /// `internal` after all, for a request that named one and had been done before.
    pub fn into_done(self) -> Result<T> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Replayed(_) => Err(Error::internal("a request without a key was replayed")),
        }
    }
}
