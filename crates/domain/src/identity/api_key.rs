//! API keys. The key itself is shown once; its hash is kept.

use crate::{
    access::PermissionSet,
    clock::Timestamp,
    identity::TokenHash,
    ids::{ApiKeyId, TenantId, UserId},
};

/// A key for programs, with at most the rights that its owner has at the time of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its owner.
    pub user_id: UserId,
    /// The owner's name for it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The start of the key, which tells keys apart (`byn_1a2b3c4d`).
    pub prefix: String,
    /// The last four characters of the key.
    pub last_four: String,
    /// Hash of the key.
    pub key_hash: TokenHash,
    /// What it may do; `None`: whatever its owner may.
    pub scopes: Option<PermissionSet>,
    /// False once revoked.
    pub is_active: bool,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// Last use, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl ApiKey {
    /// Whether it works at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.is_active && self.expires_at.is_none_or(|end| now < end)
    }
}
