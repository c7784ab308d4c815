//! Access tokens: JWTs with one pinned header, every claim required and typed.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use domain::{
    clock::Timestamp,
    identity::Session,
    ids::{SessionId, TenantId, UserId},
};
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use crate::{App, Error, Result};

const ISSUER: &str = "banyan";
const AUDIENCE: &str = "banyan-api";
const TYPE: &str = "access";
/// The only header that is accepted, byte for byte: no other algorithm, no key from elsewhere.
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;
/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 4 * 1024;
/// Seconds that clocks of instances may differ, or one may be set back: a token that was made so long "in the future" is
/// let in. By more, and tokens are refused until their clients refresh them.
const LEEWAY: i64 = 60;

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    iss: String,
    aud: String,
    typ: String,
    /// The user.
    pub(crate) sub: UserId,
    /// The user's tenant; null for superadmins.
    #[serde(deserialize_with = "Option::deserialize")] // null outside of every tenant, but never left out
    pub(crate) tid: Option<TenantId>,
    /// The session.
    pub(crate) sid: SessionId,
    /// The session's version when the token was made.
    pub(crate) ver: i64,
    iat: i64,
    nbf: i64,
    exp: i64,
}

impl App {
    /// A token for a session, and the seconds it works.
    pub(super) fn access_token(&self, session: &Session) -> Result<(String, u64)> {
        let now = self.now();
        let life = self.parts.settings.access_token_life.as_secs();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: TYPE.to_owned(),
            sub: session.user_id,
            tid: session.tenant_id,
            sid: session.id,
            ver: session.version,
            iat: now.timestamp(),
            nbf: now.timestamp(),
            exp: (now + TimeDelta::seconds(i64::try_from(life).unwrap_or(i64::MAX))).timestamp(),
        };
        Ok((signed(&claims, &self.parts.keys)?, life))
    }

    /// The claims of a token that is ours and in force.
    ///
    /// # Errors
    /// `unauthenticated`, whatever is wrong.
    pub(super) fn claims_of(&self, token: &str) -> Result<Claims> {
        let claims = verified(token, &self.parts.keys).filter(|claims| in_force(claims, self.now()));
        claims.ok_or_else(Error::unauthenticated)
    }
}

/// A token that says the claims (RFC 7519, in the compact form of RFC 7515).
fn signed(claims: &Claims, keys: &Keys) -> Result<String> {
    let claims = serde_json::to_vec(claims).map_err(Error::internal)?;
    let message = format!("{}.{}", encoded(HEADER), encoded(claims));
    let signature = encoded(keys.sign_access(message.as_bytes()));
    Ok(format!("{message}.{signature}"))
}

/// The claims of a token that we have signed, for this use and these readers.
// A library for JWTs is mostly other algorithms and ways to choose one by the token's header. There is
// nothing to choose here: the header is a constant, and nothing of the claims is read before the
// signature over both has been found to be ours.
fn verified(token: &str, keys: &Keys) -> Option<Claims> {
    let (message, signature) = token.rsplit_once('.').filter(|_| token.len() <= MAX_TOKEN_BYTES)?;
    let claims = message.strip_prefix(&encoded(HEADER))?.strip_prefix('.')?;
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !keys.has_signed_access(message.as_bytes(), &signature) {
        return None;
    }
    let claims: Claims = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (claims.iss == ISSUER && claims.aud == AUDIENCE && claims.typ == TYPE).then_some(claims)
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn in_force(claims: &Claims, now: Timestamp) -> bool {
    let now = now.timestamp();
    claims.nbf >= 0
        && claims.iat >= 0
        && claims.nbf <= now.saturating_add(LEEWAY)
        && claims.iat <= now.saturating_add(LEEWAY)
        && now < claims.exp
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::identity::ServerSecret;

    /// What version 0.1 signed, with `jsonwebtoken` 11, for [`claims`] and [`keys`].
    const EARLIER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJiYW55YW4iLCJhdWQiOiJiYW55YW4tYXBpIiwidHlwIjoiYWNjZXNzIiwic3ViIjoiMDE5MDAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAxIiwidGlkIjoiMDE5MDAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAyIiwic2lkIjoiMDE5MDAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAzIiwidmVyIjo0LCJpYXQiOjE4MDAwMDAwMDAsIm5iZiI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwNjAwfQ.94dRiu0_N1K_lKMQVItrEwCB1E3F1_npy_1XJrtyUk8";

    fn keys() -> Keys {
        Keys::derive(&ServerSecret::new(b"hX2v8PqLw0ZtN5rKd7BfYc1GmJ4sUe9A").unwrap())
    }

    fn claims() -> Claims {
        let id = |last: u128| Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + last);
        Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            typ: TYPE.to_owned(),
            sub: UserId::from(id(1)),
            tid: Some(TenantId::from(id(2))),
            sid: SessionId::from(id(3)),
            ver: 4,
            iat: 1_800_000_000,
            nbf: 1_800_000_000,
            exp: 1_800_000_600,
        }
    }

    #[test]
    fn a_token_of_an_earlier_version_is_read_and_a_new_one_is_no_different() {
        assert_eq!(verified(EARLIER, &keys()), Some(claims()));
        assert_eq!(signed(&claims(), &keys()).unwrap(), EARLIER);
    }
}
