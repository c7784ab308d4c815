//! API keys.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{ApiKey, ApiKeyRepo},
    ids::ApiKeyId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{
    check::{conflict, no_nul},
    page::newest_first,
    reach,
    store::MemoryTx,
};

impl MemoryTx {
    fn reaches_key(&self, key: &ApiKey) -> bool {
        reach::identity(&self.scope, Some(key.tenant_id), key.user_id)
    }
}

#[async_trait]
impl ApiKeyRepo for MemoryTx {
    async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.tenant()?;
        self.read(|state| Ok(state.api_keys.get(&id).filter(|key| self.reaches_key(key)).cloned()))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let own = |key: &&ApiKey| key.tenant_id == scope.tenant_id && reach::is_own(scope, Some(key.user_id));
            let rows = state.api_keys.values().filter(own);
            Ok(newest_first(rows, page, |key| Cursor { at: key.created_at, id: key.id.0 }))
        })
    }

    async fn insert(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.tenant()?;
        if !self.reaches_key(key) {
            return Err(StoreError::OutOfScope("a key is added in the scope of its user"));
        }
        self.write(|state| {
            no_nul([key.name.as_str(), &key.prefix, &key.last_four])?;
            no_nul(key.description.as_deref())?;
            if state.api_keys.contains_key(&key.id) {
                return Err(conflict("api_keys_pkey"));
            }
            if state.api_keys.values().any(|other| other.key_hash == key.key_hash) {
                return Err(conflict("uq_api_keys_key_hash"));
            }
            state.need_user(key.tenant_id, Some(key.user_id))?;
            state.api_keys.insert_mut(key.id, key.clone());
            Ok(())
        })
    }

    async fn revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let own = |key: &&mut ApiKey| key.tenant_id == scope.tenant_id && reach::is_own(scope, Some(key.user_id));
            let Some(key) = state.api_keys.get_mut(&id).filter(own).filter(|key| key.is_live(at)) else {
                return Ok(false);
            };
            key.is_active = false;
            key.updated_at = at;
            Ok(true)
        })
    }

    async fn record_use(&self, id: ApiKeyId, at: Timestamp) -> Result<(), StoreError> {
        self.tenant()?;
        self.write(|state| {
            let key = state.api_keys.get_mut(&id).filter(|key| self.reaches_key(key)).ok_or(StoreError::Stale)?;
            key.last_used_at = Some(at);
            Ok(())
        })
    }
}
