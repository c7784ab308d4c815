//! Collections.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    ids::CollectionId,
    knowledge::{Collection, CollectionRepo},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{
    check::{conflict, fits_column, no_nul, refuse},
    page::newest_first,
    reach,
    state::State,
    store::MemoryTx,
};

/// Most steps that are walked up, whatever is stored.
const MAX_STEPS_UP: u32 = 64;

fn depth(state: &State, collection: &Collection) -> u32 {
    let mut depth = 0;
    let mut above = collection.parent_id;
    while let Some(parent) = above.and_then(|id| state.collections.get(&id)).filter(|_| depth < MAX_STEPS_UP) {
        depth += 1;
        above = parent.parent_id;
    }
    depth
}

#[async_trait]
impl CollectionRepo for MemoryTx {
    async fn get(&self, id: CollectionId) -> Result<Option<Collection>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.collections.get(&id).filter(|found| reach::collection(scope, found)).cloned()))
    }

    async fn list(&self, parent: Option<CollectionId>, page: PageRequest) -> Result<Page<Collection>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let rows = state
                .collections
                .values()
                .filter(|found| parent.is_none() || found.parent_id == parent)
                .filter(|found| reach::collection(scope, found));
            Ok(newest_first(rows, page, |row| Cursor { at: row.created_at, id: row.id.0 }))
        })
    }

    async fn insert(&self, collection: &Collection) -> Result<(), StoreError> {
        let tenant = self.tenant()?.tenant_id;
        if collection.tenant_id != tenant {
            return Err(StoreError::OutOfScope("a collection is added in the scope of its tenant"));
        }
        self.write(|state| {
            no_nul([collection.name.as_str()])?;
            no_nul(collection.description.as_deref())?;
            fits_column([collection.chunk_count])?;
            if collection.parent_id == Some(collection.id) {
                return Err(refuse("a collection is not its own parent"));
            }
            if state.collections.contains_key(&collection.id) {
                return Err(conflict("collections_pkey"));
            }
            state.need_tenant(tenant)?;
            state.need_user(tenant, collection.user_id)?;
            state.need_collection(tenant, collection.parent_id)?;
            state.collections.insert_mut(collection.id, collection.clone());
            Ok(())
        })
    }

    async fn depth(&self, id: CollectionId) -> Result<u32, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let found = state.collections.get(&id).filter(|found| reach::collection(scope, found));
            Ok(found.map_or(0, |found| depth(state, found)))
        })
    }

    async fn with_descendants(&self, ids: &[CollectionId]) -> Result<Vec<CollectionId>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let mut found: BTreeSet<CollectionId> = BTreeSet::new();
            let mut next: Vec<CollectionId> = ids.to_vec();
            while let Some(id) = next.pop() {
                let here = state.collections.get(&id).filter(|collection| collection.tenant_id == scope.tenant_id);
                if here.is_some() && found.insert(id) {
                    let below = state.collections.values().filter(|child| child.parent_id == Some(id));
                    next.extend(below.map(|child| child.id));
                }
            }
            found.retain(|id| state.collections.get(id).is_some_and(|found| reach::collection(scope, found)));
            Ok(found.into_iter().collect())
        })
    }

    async fn has_chunks(&self) -> Result<bool, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let mut reached = state.collections.values().filter(|found| reach::collection(scope, found));
            Ok(reached.any(|collection| collection.chunk_count > 0))
        })
    }

    async fn record_change(&self, id: CollectionId, chunks: i64) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        let now = self.now();
        self.write(|state| {
            let found = state.collections.get_mut(&id).filter(|found| reach::collection(scope, found));
            let stored = found.ok_or(StoreError::Stale)?;
            stored.chunk_count = stored
                .chunk_count
                .checked_add_signed(chunks)
                .ok_or_else(|| refuse("a collection has no fewer chunks than none"))?;
            stored.generation += 1;
            stored.updated_at = now;
            Ok(())
        })
    }
}
