//! Access tokens: JWTs with one pinned header, every claim required and typed.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use domain::{
    clock::Timestamp,
    identity::Session,
    ids::{SessionId, TenantId, UserId},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::{App, Error, Result};

const ISSUER: &str = "banyan";
const AUDIENCE: &str = "banyan-api";
const TYPE: &str = "access";
/// The only header that is accepted, byte for byte: no other algorithm, no key from elsewhere.
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;
/// Longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 4 * 1024;
/// Seconds that clocks of instances may differ.
const LEEWAY: i64 = 30;

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
        let key = EncodingKey::from_secret(self.parts.keys.access());
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(Error::internal)?;
        Ok((token, life))
    }

    /// The claims of a token that is ours and in force.
    ///
    /// # Errors
    /// `unauthenticated`, whatever is wrong.
    pub(super) fn claims_of(&self, token: &str) -> Result<Claims> {
        let header = BASE64_URL_SAFE_NO_PAD.encode(HEADER);
        if token.len() > MAX_TOKEN_BYTES || token.split('.').next() != Some(header.as_str()) {
            return Err(Error::unauthenticated());
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Times are checked against our own clock, as typed below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let key = DecodingKey::from_secret(self.parts.keys.access());
        let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation);
        let claims = decoded.map_err(|error| Error::unauthenticated().because(error))?.claims;
        if claims.typ == TYPE && in_force(&claims, self.now()) { Ok(claims) } else { Err(Error::unauthenticated()) }
    }
}

fn in_force(claims: &Claims, now: Timestamp) -> bool {
    let now = now.timestamp();
    claims.nbf >= 0
        && claims.iat >= 0
        && claims.nbf <= now.saturating_add(LEEWAY)
        && claims.iat <= now.saturating_add(LEEWAY)
        && now < claims.exp
}
