//! Passwords: the policy, and argon2id behind a bounded queue.

mod queue;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use domain::error::ValueError;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use self::queue::{Address, Queue, Turn};
use crate::{Error, Result};

/// Fewest and most characters (NIST SP 800-63B-4, section 3.1.1.2: at least 15 for a password alone).
const MIN_CHARS: usize = 15;
const MAX_CHARS: usize = 128;
/// argon2id with 46 MiB and one pass (OWASP's first choice of parameters).
const MEMORY_KIB: u32 = 46 * 1024;
/// Long passwords that everybody tries.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes and verifies passwords.
pub(crate) struct Passwords {
    queue: Queue,
    /// A hash of nothing anybody knows: verifying against it takes as long as against a real one.
    dummy: Arc<OnceLock<String>>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { queue: Queue::new(), dummy: Arc::default() }
    }

    /// Number of those that wait for a hash.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// Waits until a password may be looked at. Nothing else is done for a sign-in before.
    ///
    /// # Errors
    /// `too_many_sign_ins`.
    pub(super) async fn turn(&self, from: Address) -> Result<Turn> {
        self.queue.turn(from).await
    }

    /// The PHC string of a password.
    pub(super) async fn hash(&self, password: String) -> Result<String> {
        let turn = self.turn(None).await?;
        in_turn(turn, move || hash(one_form(&password).as_bytes())).await
    }

    /// Whether a password is the one of a PHC string. Without one it takes as long and is false.
    pub(super) async fn verify(&self, turn: Turn, password: String, hashed: Option<String>) -> Result<bool> {
        let dummy = Arc::clone(&self.dummy);
        in_turn(turn, move || {
            let known = hashed.is_some();
            let stored = match hashed {
                Some(stored) => stored,
                None => match dummy.get() {
                    Some(dummy) => dummy.clone(),
                    None => dummy.get_or_init(|| hash(b"no account").unwrap_or_default()).clone(),
                },
            };
            let parsed = PasswordHash::new(&stored).map_err(Error::internal)?;
            let argon2 = argon2()?;
            let is = |password: &str| argon2.verify_password(password.as_bytes(), &parsed).is_ok();
            let one_form = one_form(&password);
            // Hashes that are older than the one form are of what was typed then.
            let matches = is(&one_form) || (one_form != password && is(&password));
            Ok(known && matches)
        })
        .await
    }
}

async fn in_turn<T: Send + 'static>(turn: Turn, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let work = move || {
        let done = work();
        drop(turn);
        done
    };
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

/// The form in which a password is hashed, however a keyboard composes its letters: NFKC (NIST SP 800-63B-4, section
/// 3.1.1.2).
fn one_form(password: &str) -> Cow<'_, str> {
    match is_nfkc_quick(password.chars()) {
        IsNormalized::Yes => Cow::Borrowed(password),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(password.nfkc().collect()),
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
    let password = one_form(password);
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
    let is_common = COMMON.lines().any(|line| line == lower || repeats(&lower, line));
    if is_common || different < 5 || names.iter().any(|name| repeats(&lower, name)) {
        let message = "is one that is tried first; take something that nobody would guess";
        return Err(ValueError::new("password", "too_common", message));
    }
    Ok(())
}

/// Whether a password is only a name or a common one, perhaps repeated or with digits around it.
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
        for common in [
            "passwordpassword",
            "aaaaaaaaaaaaaaaa",
            "banyanbanyanbanyan1",
            "ada@example.com1234",
            "passwordpassword2026!",
            "ｐａｓｓｗｏｒｄｐａｓｓｗｏｒｄ",
        ] {
            assert_eq!(code(common), Some("too_common"), "{common}");
        }
    }

    async fn verified(passwords: &Passwords, password: &str, hashed: Option<String>) -> bool {
        let turn = passwords.turn(None).await.unwrap();
        passwords.verify(turn, password.to_owned(), hashed).await.unwrap()
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let passwords = Passwords::new();
        let hashed = passwords.hash("a long enough password".into()).await.unwrap();
        assert!(verified(&passwords, "a long enough password", Some(hashed.clone())).await);
        assert!(!verified(&passwords, "a long enough passwore", Some(hashed)).await);
        assert!(!verified(&passwords, "no account", None).await);
    }

    #[tokio::test]
    async fn letters_are_the_same_however_they_are_composed() {
        let passwords = Passwords::new();
        let (composed, decomposed) = ("fünfzehn Zeichen ó", "fu\u{308}nfzehn Zeichen o\u{301}");
        let hashed = passwords.hash(decomposed.into()).await.unwrap();
        for typed in [composed, decomposed] {
            assert!(verified(&passwords, typed, Some(hashed.clone())).await);
        }
        // A hash from before.
        let old = hash(decomposed.as_bytes()).unwrap();
        assert!(verified(&passwords, decomposed, Some(old)).await);
    }
}
