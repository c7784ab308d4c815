//! API keys. The key itself is shown once; its hash is kept.

use crate::{
    access::{PermissionSet, protected},
    clock::Timestamp,
    identity::TokenHash,
    ids::{ApiKeyId, TenantId, UserId},
    page::{Page, PageRequest},
    store::{StoreError, repository},
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
    /// The start of the key, by which people distinguish keys (`byn_1a2b3c4d`).
    pub prefix: String,
    /// The last four characters of the key.
    pub last_four: String,
    /// Hash of the key.
    pub key_hash: TokenHash,
    /// What it may do; `None`: whatever its owner may.
    pub scopes: Option<PermissionSet>,
    /// The key that made it, whose end is its own; `None`: its owner did.
    pub made_by_key_id: Option<ApiKeyId>,
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

protected!(ApiKey: Identity, tenant |row| Some(row.tenant_id), owner |row| Some(row.user_id));

repository! {
    /// Stored API keys.
    pub trait ApiKeyRepo {
        /// The key, live or not, if the scope reaches it.
        async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError>;
        /// The keys of the scope's user, newest first. However far the scope reaches, others' are left out.
        async fn list(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError>;
        /// Adds a key.
        async fn insert(&self, key: &ApiKey) -> Result<(), StoreError>;
        /// Ends a key of the scope's user, and of nobody else, with those that it made and those that these made;
        /// returns whether any of them lived.
        async fn revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError>;
        /// Notes a use.
        async fn record_use(&self, id: ApiKeyId, at: Timestamp) -> Result<(), StoreError>;
    }
}

impl ApiKey {
    /// Whether it works at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.is_active && self.expires_at.is_none_or(|end| now < end)
    }
}
