//! Passwords: the policy, and argon2id behind a bounded queue.

mod queue;

use std::borrow::Cow;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc::PasswordHash};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use domain::error::ValueError;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

use self::queue::{Address, Queue, Turn};
use crate::{Error, Result};

/// Fewest characters of a password (NIST SP 800-63B-4, section 3.1.1.2: at least 15 for a password alone).
pub const MIN_PASSWORD_CHARS: usize = 15;
/// Most characters of a password.
pub const MAX_PASSWORD_CHARS: usize = 128;
/// argon2id with 46 MiB and one pass (OWASP's first choice of parameters).
const MEMORY_KIB: u32 = 46 * 1024;
/// Long passwords that everybody tries.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes and verifies passwords.
pub(crate) struct Passwords {
    queue: Queue,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { queue: Queue::new() }
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

    /// The PHC strings that this password may have, with the salt of a stored one. Without one it takes as
    /// long, and they are nobody's.
    pub(super) async fn hashes(&self, turn: Turn, password: String, salt: Option<String>) -> Result<Vec<String>> {
        in_turn(turn, move || {
            let one_form = one_form(&password);
            // Hashes that are older than the one form are of what was typed then.
            let typed = Some(password.as_str()).filter(|typed| one_form != *typed);
            let of = |password: &str| match &salt {
                // What another program stored fits nobody, in the same time.
                Some(salt) => hash_with(password.as_bytes(), salt).or_else(|error| {
                    tracing::error!(error = ?error, "a stored password cannot be compared; set another one");
                    hash(password.as_bytes())
                }),
                None => hash(password.as_bytes()),
            };
            [Some(one_form.as_ref()), typed].into_iter().flatten().map(of).collect()
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

/// The PHC string of a password with the algorithm, parameters and salt of another one, which is given up to
/// its last `$`.
fn hash_with(password: &[u8], salt: &str) -> Result<String> {
    let stored = PasswordHash::new(salt.trim_end_matches('$')).map_err(Error::internal)?;
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(Error::internal)?;
    let version = stored.version.map(Version::try_from).transpose().map_err(Error::internal)?.unwrap_or_default();
    let params = Params::try_from(&stored).map_err(Error::internal)?;
    let bytes = stored.salt.as_ref().ok_or_else(|| Error::internal("a stored password has no salt"))?;
    let mut hash = [0; Params::DEFAULT_OUTPUT_LEN];
    let argon2 = Argon2::new(algorithm, version, params);
    argon2.hash_password_into(password, bytes, &mut hash).map_err(Error::internal)?;
    Ok(format!("{salt}{}", BASE64_STANDARD_NO_PAD.encode(hash)))
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
    if chars < MIN_PASSWORD_CHARS {
        let message =
            format!("must have at least {MIN_PASSWORD_CHARS} characters; a few words in a row are easy to keep");
        return Err(ValueError::new("password", "too_short", message));
    }
    if chars > MAX_PASSWORD_CHARS {
        return Err(ValueError::new(
            "password",
            "too_long",
            format!("must have at most {MAX_PASSWORD_CHARS} characters"),
        ));
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

    async fn verified(passwords: &Passwords, password: &str, hashed: Option<&str>) -> bool {
        let turn = passwords.turn(None).await.unwrap();
        let salt = hashed.map(|hash| hash[..=hash.rfind('$').unwrap()].to_owned());
        let hashes = passwords.hashes(turn, password.to_owned(), salt).await.unwrap();
        hashed.is_some_and(|hashed| hashes.iter().any(|hash| hash == hashed))
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let passwords = Passwords::new();
        let hashed = passwords.hash("a long enough password".into()).await.unwrap();
        assert!(verified(&passwords, "a long enough password", Some(&hashed)).await);
        assert!(!verified(&passwords, "a long enough passwore", Some(&hashed)).await);
        assert!(!verified(&passwords, "no account", None).await);
        for odd in ["$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "plain$", "$argon2id$x$"] {
            assert!(!verified(&passwords, "a long enough password", Some(odd)).await, "{odd}");
        }
    }

    #[tokio::test]
    async fn letters_are_the_same_however_they_are_composed() {
        let passwords = Passwords::new();
        let (composed, decomposed) = ("fünfzehn Zeichen ó", "fu\u{308}nfzehn Zeichen o\u{301}");
        let hashed = passwords.hash(decomposed.into()).await.unwrap();
        for typed in [composed, decomposed] {
            assert!(verified(&passwords, typed, Some(&hashed)).await);
        }
        // A hash from before.
        let old = hash(decomposed.as_bytes()).unwrap();
        assert!(verified(&passwords, decomposed, Some(&old)).await);
    }
}
