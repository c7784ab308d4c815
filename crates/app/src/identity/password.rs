//! Passwords: the policy, and argon2id behind a bounded queue.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use domain::error::ValueError;
use tokio::sync::Semaphore;

use crate::{Error, ErrorKind, Result};

/// Fewest and most characters (NIST SP 800-63B-4, section 3.1.1.2: at least 15 for a password alone).
const MIN_CHARS: usize = 15;
const MAX_CHARS: usize = 128;
/// Hashes computed at once: each takes 46 MiB and a core.
const AT_ONCE: usize = 2;
/// Sign-ins that may wait for a hash; more are told to come back.
const MAX_WAITING: usize = 64;
/// argon2id with 46 MiB and one pass (OWASP's first choice of parameters).
const MEMORY_KIB: u32 = 46 * 1024;
/// Long passwords that everybody tries.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes and verifies passwords.
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// A hash of nothing anybody knows: verifying against it takes as long as against a real one.
    dummy: Arc<OnceLock<String>>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0), dummy: Arc::default() }
    }

    /// Number of those that wait for a hash.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The PHC string of a password.
    pub(super) async fn hash(&self, password: String) -> Result<String> {
        self.queued(move || hash(password.as_bytes())).await
    }

    /// Whether a password is the one of a PHC string. Without one it takes as long and is false.
    pub(super) async fn verify(&self, password: String, hashed: Option<String>) -> Result<bool> {
        let dummy = Arc::clone(&self.dummy);
        self.queued(move || {
            let known = hashed.is_some();
            let stored = match hashed {
                Some(stored) => stored,
                None => match dummy.get() {
                    Some(dummy) => dummy.clone(),
                    None => dummy.get_or_init(|| hash(b"no account").unwrap_or_default()).clone(),
                },
            };
            let parsed = PasswordHash::new(&stored).map_err(Error::internal)?;
            let matches = argon2()?.verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(known && matches)
        })
        .await
    }

    async fn queued<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            let message = "too many sign-ins at once; try again in a few seconds";
            return Err(Error::new(ErrorKind::TooManyRequests, "too_many_sign_ins", message)
                .retry_after(std::time::Duration::from_secs(2)));
        }
        let permit = self.permits.clone().acquire_owned().await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        let permit = permit.map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
        .map_err(Error::internal)?
    }
}

fn argon2() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, 1, 1, None).map_err(Error::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String> {
    Ok(argon2()?.hash_password(password).map_err(Error::internal)?.to_string())
}

/// Checks a new password: its length, and that it is not one that everybody tries. No rules of
/// composition.
///
/// # Errors
/// `too_short`, `too_long`, `too_common` for the field `password`.
pub(super) fn check_new(password: &str, names: &[&str]) -> Result<(), ValueError> {
    let chars = password.chars().count();
    if chars < MIN_CHARS {
        let message = format!("must have at least {MIN_CHARS} characters; a few words in a row are easy to keep");
        return Err(ValueError::new("password", "too_short", message));
    }
    if chars > MAX_CHARS {
        return Err(ValueError::new("password", "too_long", format!("must have at most {MAX_CHARS} characters")));
    }
    let lower = password.to_lowercase();
    let different = lower.chars().collect::<std::collections::BTreeSet<_>>().len();
    let common =
        COMMON.lines().any(|line| line == lower) || different < 5 || names.iter().any(|name| repeats(&lower, name));
    if common {
        let message = "is one that is tried first; take something that nobody would guess";
        return Err(ValueError::new("password", "too_common", message));
    }
    Ok(())
}

/// Whether a password is only a name, perhaps repeated or with digits behind it.
fn repeats(password: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    name.chars().count() >= 3 && {
        let rest = password.replace(&name, "");
        rest.len() < password.len() && rest.chars().all(|c| c.is_ascii_digit() || c.is_ascii_punctuation() || c == ' ')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_asks_for_length_and_against_the_common_only() {
        let code = |password: &str| check_new(password, &["banyan", "ada@example.com", "ada"]).err().map(|e| e.code);
        assert_eq!(code("fourteen chars"), Some("too_short"));
        assert_eq!(code("fifteen chars ü"), None);
        assert_eq!(code(&"correct horse battery 🐎 ".repeat(5)), None);
        assert_eq!(code(&"x1y2z3w4".repeat(17)), Some("too_long"));
        for common in ["passwordpassword", "aaaaaaaaaaaaaaaa", "banyanbanyanbanyan1", "ada@example.com1234"] {
            assert_eq!(code(common), Some("too_common"), "{common}");
        }
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let passwords = Passwords::new();
        let hashed = passwords.hash("a long enough password".into()).await.unwrap();
        assert!(passwords.verify("a long enough password".into(), Some(hashed.clone())).await.unwrap());
        assert!(!passwords.verify("a long enough passwore".into(), Some(hashed)).await.unwrap());
        assert!(!passwords.verify("no account".into(), None).await.unwrap());
    }
}
