//! Collections.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    access::Purpose,
    ids::CollectionId,
    knowledge::{Collection, CollectionRepo},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{check::refuse, reached::whole_tenant, state::State, store::MemoryTx};

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
        self.get_row(&id)
    }

    async fn list(&self, parent: Option<CollectionId>, page: PageRequest) -> Result<Page<Collection>, StoreError> {
        let wanted = |found: &Collection| parent.is_none() || found.parent_id == parent;
        self.page_of(page, wanted, |row| Cursor { at: row.created_at, id: row.id.0 })
    }

    async fn insert(&self, collection: &Collection) -> Result<(), StoreError> {
        self.add(collection)
    }

    async fn depth(&self, id: CollectionId) -> Result<u32, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(state.reached(filter, &id).map_or(0, |found| depth(state, found))))
    }

    async fn with_descendants(&self, ids: &[CollectionId]) -> Result<Vec<CollectionId>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let mut found: BTreeSet<CollectionId> = BTreeSet::new();
            let mut next: Vec<CollectionId> = ids.to_vec();
            while let Some(id) = next.pop() {
                // The walk passes what is out of reach: below it there may be what is not.
                let here = state.reached::<Collection>(whole_tenant(filter), &id);
                if here.is_some() && found.insert(id) {
                    let below = state.collections.iter().filter(|child| child.parent_id == Some(id));
                    next.extend(below.map(|child| child.id));
                }
            }
            found.retain(|id| state.reached::<Collection>(filter, id).is_some());
            Ok(found.into_iter().collect())
        })
    }

    async fn has_chunks(&self) -> Result<bool, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(state.all_reached(filter).any(|collection: &Collection| collection.chunk_count > 0)))
    }

    async fn record_change(&self, id: CollectionId, chunks: i64) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        let now = self.now();
        self.write(|state| {
            let count = state.reached::<Collection>(filter, &id).ok_or(StoreError::Stale)?.chunk_count;
            let count = count.checked_add_signed(chunks);
            let count = count.ok_or_else(|| refuse("a collection has no fewer chunks than none"))?;
            state.change(&id, |stored: &mut Collection| {
                stored.chunk_count = count;
                stored.generation += 1;
                stored.updated_at = now;
            })
        })
    }
}
