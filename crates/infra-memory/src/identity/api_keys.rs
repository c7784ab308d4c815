//! API keys.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    clock::Timestamp,
    identity::{ApiKey, ApiKeyRepo, User},
    ids::ApiKeyId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    usage::QuotaKind,
};

use crate::{
    check::no_nul,
    references::Reference,
    store::MemoryTx,
    table::{Counted, Key, Row, columns, place},
};

impl Row for ApiKey {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_api_keys_key_hash", of: |key| Some(place![key.key_hash.as_str()]) }];
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<User>(&["tenant_id", "user_id"]).cascades()];
    const COUNTED: &'static [Counted<Self>] =
        &[Counted { kind: QuotaKind::ApiKeys, amount: |key| u64::from(key.is_active) }];
    columns!(id: ApiKeyId, tenant_id, user_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.name, &self.prefix, &self.last_four].into_iter().chain(&self.description))
    }
}

#[async_trait]
impl ApiKeyRepo for MemoryTx {
    async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.get_row(&id)
    }

    async fn list(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let own = |key: &ApiKey| Some(key.user_id) == self.user();
        self.page_of(page, own, |key| Cursor { at: key.created_at, id: key.id.0 })
    }

    async fn insert(&self, key: &ApiKey) -> Result<(), StoreError> {
        self.add(key)
    }

    async fn revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let filter = self.scope.filter::<ApiKey>(Purpose::Change)?;
        self.write(|state| {
            let found = state.reached::<ApiKey>(filter, &id);
            if found.is_none_or(|key| Some(key.user_id) != self.user()) {
                return Ok(false);
            }
            let (mut ending, mut has_ended) = (vec![id], false);
            while let Some(id) = ending.pop() {
                if state.api_keys.get(&id).is_some_and(|key| key.is_live(at)) {
                    has_ended = true;
                    state.change(&id, |key: &mut ApiKey| {
                        key.is_active = false;
                        key.updated_at = at;
                    })?;
                }
                ending.extend(state.api_keys.iter().filter(|key| key.made_by_key_id == Some(id)).map(|key| key.id));
            }
            Ok(has_ended)
        })
    }

    async fn record_use(&self, id: ApiKeyId, at: Timestamp) -> Result<(), StoreError> {
        self.change(&id, |key: &mut ApiKey| {
            key.last_used_at = Some(at);
            key.updated_at = at;
        })
    }
}
