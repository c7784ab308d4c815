//! Idempotency keys.

use async_trait::async_trait;
use domain::{
    admin::{IdempotencyRecord, IdempotencyRepo},
    clock::Timestamp,
    ids::{TenantId, UserId},
    store::StoreError,
};

use crate::{
    check::{conflict, no_nul},
    store::MemoryTx,
};

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
        self.read(|state| Ok(state.idempotency.get(&place).filter(|record| now < record.expires_at).cloned()))
    }

    async fn insert(&self, record: &IdempotencyRecord) -> Result<(), StoreError> {
        let place = self.own_key(&record.key)?;
        if (place.0, place.1) != (record.tenant_id, record.user_id) {
            return Err(StoreError::OutOfScope("an idempotency key is kept in the scope of its user"));
        }
        self.write(|state| {
            no_nul([record.key.as_str(), &record.fingerprint])?;
            let live = |stored: &IdempotencyRecord| record.created_at < stored.expires_at;
            if state.idempotency.get(&place).is_some_and(live) {
                return Err(conflict("idempotency_keys_pkey"));
            }
            state.need_actor(record.tenant_id, Some(record.user_id))?;
            state.idempotency.insert_mut(place, record.clone());
            Ok(())
        })
    }

    async fn remove_expired(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.need_installation()?;
        self.write(|state| {
            let expired = state.idempotency.iter().filter(|(_, record)| record.expires_at <= now);
            let expired: Vec<_> = expired.take(limit as usize).map(|(place, _)| place.clone()).collect();
            for place in &expired {
                state.idempotency.remove_mut(place);
            }
            Ok(expired.len() as u64)
        })
    }
}
