//! The server's secret, and the keys derived from it.

use std::fmt;

use domain::{error::ValueError, identity::TokenHash, ids::IdGen};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest, Sha256};

/// Fewest bytes of a server secret.
const MIN_SECRET_BYTES: usize = 32;
/// Fewest different bytes in it: a repeated word is no secret.
const MIN_DIFFERENT_BYTES: usize = 10;
/// What appears in examples everywhere and must never be a secret.
const WEAK_WORDS: &[&str] =
    &["changeme", "change-me", "change_me", "secret", "password", "example", "default", "0123456789"];

/// The secret that all tokens of an installation hang on.
pub struct ServerSecret(SecretSlice<u8>);

impl ServerSecret {
    /// Takes a secret that an operator chose.
    ///
    /// # Errors
    /// `weak_secret` when it is short, repeats itself, or is a word of the examples.
    pub fn new(secret: &[u8]) -> Result<Self, ValueError> {
        let different = secret.iter().collect::<std::collections::BTreeSet<_>>().len();
        let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
        let weak = secret.len() < MIN_SECRET_BYTES
            || different < MIN_DIFFERENT_BYTES
            || WEAK_WORDS.iter().any(|word| text.contains(word));
        if weak {
            let message = format!(
                "is weak: it must be at least {MIN_SECRET_BYTES} random bytes; make one with 'openssl rand -base64 48', \
                 or leave it unset and the server makes its own"
            );
            return Err(ValueError::new("secret", "weak_secret", message));
        }
        Ok(Self(SecretSlice::from(secret.to_vec())))
    }

    /// A new random secret.
    #[must_use]
    pub fn random(ids: &dyn IdGen) -> Self {
        Self(SecretSlice::from(ids.secret().to_vec()))
    }

    /// Its bytes, to keep them in a file.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ServerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSecret(…)")
    }
}

/// Keys for one purpose each, derived from the server's secret.
pub(crate) struct Keys {
    access: SecretSlice<u8>,
    refresh: SecretSlice<u8>,
}

impl Keys {
    /// Derives the keys: HMAC-SHA-256 of a label under the secret.
    pub(crate) fn derive(secret: &ServerSecret) -> Self {
        let key = |label: &str| SecretSlice::from(authenticate(secret.expose(), label.as_bytes()).to_vec());
        Self { access: key("banyan access token v1"), refresh: key("banyan refresh token v1") }
    }

    /// The signature of an access token.
    pub(crate) fn sign_access(&self, message: &[u8]) -> [u8; 32] {
        authenticate(self.access.expose_secret(), message)
    }

    /// Whether a signature of an access token is ours; it is compared in constant time.
    pub(crate) fn has_signed_access(&self, message: &[u8], signature: &[u8]) -> bool {
        let mac = Hmac::<Sha256>::new_from_slice(self.access.expose_secret());
        mac.is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok())
    }

    /// The successor of a refresh token: it can be given again without being stored.
    pub(crate) fn successor_of(&self, token: &str) -> [u8; 32] {
        authenticate(self.refresh.expose_secret(), token.as_bytes())
    }
}

/// HMAC-SHA-256.
fn authenticate(key: &[u8], message: &[u8]) -> [u8; 32] {
    // HMAC takes keys of any length (RFC 2104), so the fallback is never taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// The hash under which a token or key is stored.
pub(crate) fn hash_of(token: &str) -> TokenHash {
    TokenHash::from_digest(Sha256::digest(token.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_secrets_are_refused() {
        for weak in
            ["", "short", &"a".repeat(64), "changemechangemechangemechangeme1234", "my-secret-key-0000-1111-2222-3333"]
        {
            assert!(ServerSecret::new(weak.as_bytes()).is_err(), "{weak}");
        }
        assert!(ServerSecret::new(b"hX2v8PqLw0ZtN5rKd7BfYc1GmJ4sUe9A").is_ok());
    }

    #[test]
    fn successors_depend_on_the_token_and_the_secret() {
        let keys = |secret: &[u8]| Keys::derive(&ServerSecret::new(secret).unwrap());
        let (one, two) = (keys(b"hX2v8PqLw0ZtN5rKd7BfYc1GmJ4sUe9A"), keys(b"Qd7BfYc1GmJ4sUe9AhX2v8PqLw0ZtN5r"));
        assert_eq!(one.successor_of("a"), one.successor_of("a"));
        assert_ne!(one.successor_of("a"), one.successor_of("b"));
        assert_ne!(one.successor_of("a"), two.successor_of("a"));
    }
}
