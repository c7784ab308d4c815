//! Idempotency keys: a repeated request gets the first one's answer again.

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{TenantId, UserId},
    store::{StoreError, repository},
};

/// Hours that an answer is kept.
pub const KEEP_HOURS: i64 = 24;

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status, or its like.
    pub status: u16,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

/// A request that named an `Idempotency-Key`, and was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Who asked. Keys of different users never meet.
    pub user_id: UserId,
    /// The caller's key, 1 to 255 characters.
    pub key: String,
    /// SHA-256 in hexadecimal over method, path and body.
    pub fingerprint: String,
    /// The answer of the first request.
    pub answer: KeptAnswer,
    /// When the first request came.
    pub created_at: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

protected!(
    IdempotencyRecord: Administration, tenant |row| Some(row.tenant_id), owner |row| Some(row.user_id),
    adding ByActor,
);

repository! {
    /// Stored idempotency keys. Their rows are written in the transaction of the effect. They are a
    /// user's own: a scope without a user finds none ([`StoreError::OutOfScope`]).
    pub trait IdempotencyRepo {
        /// The record of the scope's user under this key, unless it has expired by `now`. Whose it is
        /// decides, not how far the scope reaches: a use case of any area asks for it.
        async fn get(&self, key: &str, now: Timestamp) -> Result<Option<IdempotencyRecord>, StoreError>;
        /// Adds a record, in place of an expired one (by its `created_at`).
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when a live one is there.
        async fn insert(&self, record: &IdempotencyRecord) -> Result<(), StoreError>;
        /// Forgets up to `limit` records that have expired by `now`, of all tenants in an installation
        /// scope; returns how many.
        async fn remove_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError>;
    }
}
