//! Idempotency keys: a request that is sent twice acts once.

use std::{fmt, sync::Arc};

use domain::{admin::KeptAnswer, error::ValueError};

use crate::Error;

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
    pub fn into_done(self) -> crate::Result<T> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Replayed(_) => Err(Error::internal("a request without a key was replayed")),
        }
    }
}
