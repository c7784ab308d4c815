//! Idempotency keys.

use async_trait::async_trait;
use domain::{
    admin::{IdempotencyRecord, IdempotencyRepo},
    clock::Timestamp,
    identity::User,
    ids::{TenantId, UserId},
    store::StoreError,
    tenancy::Tenant,
};

use crate::{
    check::{conflict, no_nul, require},
    references::Reference,
    store::MemoryTx,
    table::{Row, columns},
};

impl Row for IdempotencyRecord {
    type Id = (TenantId, UserId, String);
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).cascades(),
    ];
    columns!(tenant_id, user_id);

    fn id(&self) -> Self::Id {
        (self.tenant_id, self.user_id, self.key.clone())
    }

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.key, &self.fingerprint])?;
        require((1..=255).contains(&self.key.chars().count()), "an idempotency key has 1 to 255 characters")
    }
}

impl MemoryTx {
    /// The place of a key of the scope's user.
    fn own_key(&self, key: &str) -> Result<(TenantId, UserId, String), StoreError> {
        let scope = self.tenant()?;
        let user = scope.user_id.ok_or(StoreError::OutOfScope("idempotency keys belong to a user"))?;
        Ok((scope.tenant_id, user, key.to_owned()))
    }
}

#[async_trait]
impl IdempotencyRepo for MemoryTx {
    async fn get(&self, key: &str, now: Timestamp) -> Result<Option<IdempotencyRecord>, StoreError> {
        let place = self.own_key(key)?;
        self.read(|state| Ok(state.idempotency_keys.get(&place).filter(|record| now < record.expires_at).cloned()))
    }

    async fn insert(&self, record: &IdempotencyRecord) -> Result<(), StoreError> {
        self.scope.may_add(record)?;
        self.write(|state| {
            let live = |stored: &IdempotencyRecord| record.created_at < stored.expires_at;
            if state.idempotency_keys.get(&record.id()).is_some_and(live) {
                return Err(conflict("idempotency_keys_pkey"));
            }
            state.replace(record.clone())
        })
    }

    async fn remove_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.need_installation()?;
        self.write(|state| {
            let expired = state.idempotency_keys.iter().filter(|record| record.expires_at <= now);
            let mut expired: Vec<_> = expired.map(|record| (record.expires_at, record.id())).collect();
            expired.sort_unstable();
            expired.truncate(limit as usize);
            expired.iter().try_for_each(|(_, id)| state.remove::<IdempotencyRecord>(id))?;
            Ok(expired.len() as u64)
        })
    }
}
