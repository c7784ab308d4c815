//! Sessions and the refresh tokens that keep them going.

use std::{fmt, net::IpAddr};

use crate::{
    access::protected,
    clock::Timestamp,
    error::ValueError,
    ids::{RefreshTokenId, SessionId, TenantId, UserId},
};

/// SHA-256 of a token or key as 64 lower-case hexadecimal characters: all that is ever stored of it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

impl TokenHash {
    /// Parses the stored form.
    ///
    /// # Errors
    /// `not_a_hash` for the field `token_hash`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        if value.len() == 64 && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(value.to_owned()))
        } else {
            Err(ValueError::new("token_hash", "not_a_hash", "must be 64 hexadecimal characters"))
        }
    }

    /// The 32 bytes of a SHA-256 as a hash.
    #[must_use]
    pub fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A signed-in device: the family of its refresh tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The tenant of the user; `None` for superadmins.
    pub tenant_id: Option<TenantId>,
    /// The user.
    pub user_id: UserId,
    /// Hash of a browser cookie's secret; `None` for sessions without a cookie.
    pub token_hash: Option<TokenHash>,
    /// Raised when all access tokens of the session must end; they carry the number.
    pub version: i64,
    /// Where it was opened from.
    pub ip_address: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// End at the latest, whatever happens (absolute expiry).
    pub expires_at: Timestamp,
    /// End when it is not refreshed before (idle expiry).
    pub idle_expires_at: Timestamp,
    /// When it was ended by someone.
    pub revoked_at: Option<Timestamp>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

protected!(Session: Identity, tenant |row| row.tenant_id, owner |row| Some(row.user_id), across Tenantless);

impl Session {
    /// Whether it is in force at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at && now < self.idle_expires_at
    }
}

/// One refresh token of a session. Each is used once; a second use outside a grace ends the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its id.
    pub id: RefreshTokenId,
    /// The tenant of the user; `None` for superadmins.
    pub tenant_id: Option<TenantId>,
    /// The user.
    pub user_id: UserId,
    /// The session (the family).
    pub session_id: SessionId,
    /// Hash of the token.
    pub token_hash: TokenHash,
    /// When it stops working, used or not.
    pub expires_at: Timestamp,
    /// When it was used; its successor exists from then on.
    pub used_at: Option<Timestamp>,
    /// When it was given.
    pub created_at: Timestamp,
}

protected!(RefreshToken: Identity, tenant |row| row.tenant_id, owner |row| Some(row.user_id), across Tenantless);
