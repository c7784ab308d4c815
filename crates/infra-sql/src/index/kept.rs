//! What is kept of collections, each in one generation of it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    future::Future,
    hash::{BuildHasher, Hash, RandomState},
    sync::Arc,
    time::Duration,
};

use domain::store::StoreError;
use moka::{policy::EvictionPolicy, sync::Cache};
use sea_orm::{ConnectionTrait, prelude::Uuid};
use tokio::sync::Mutex;

use super::snapshot::Snapshot;
use crate::readable::Reached;

/// Chunks that are read by one query, but for the last version's.
const LOAD_BATCH: u64 = 500;
/// Chunks that one question reads before it leaves the rest to the next ones: some tenths of a second.
const LOAD_CHUNKS: u64 = 4_000;
/// Collections whose versions are asked for by one query.
const LOAD_COLLECTIONS: usize = 256;
/// How long a collection that found no room is left to the database.
const BEGIN_AGAIN: Duration = Duration::from_secs(60);
/// Most collections of which that is remembered.
const MOST_BEGUN: u64 = 100_000;
/// Locks under which tenants' collections are read.
const LOCKS: usize = 64;

/// The current versions of a collection, each with how many chunks it has.
pub(super) type Current = HashMap<Uuid, u64>;

/// Something that is kept of a collection: parts of its versions.
pub(super) trait Part: Default + Send + Sync + 'static {
    /// What is read of some versions.
    type Added: Default + Send + 'static;

    /// The generation that it is of.
    fn generation(&self) -> i64;

    /// Some of the versions are still to be read.
    fn is_partial(&self) -> bool;

    /// The versions that it has, current or not.
    fn versions(&self) -> HashSet<Uuid>;

    /// The same in another generation, with what is current there, and with all or a part of what was missing.
    fn advanced(&self, generation: i64, current: &Current, added: Self::Added) -> Self;

    /// About the memory that it takes, in bytes.
    fn bytes(&self) -> usize;

    /// The current versions that are not in it yet.
    fn missing(&self, current: &Current) -> Current {
        let known = self.versions();
        current.iter().filter(|(version, _)| !known.contains(version)).map(|(version, n)| (*version, *n)).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key<K> {
    tenant: Uuid,
    collection: Uuid,
    /// Which of several of one collection.
    kind: K,
}

/// What is kept of collections, within a bound of memory.
pub(super) struct Kept<K, P> {
    collections: Cache<Key<K>, Arc<P>>,
    /// Those that were begun a while ago. One that is among them and not kept found no room: it is not read
    /// again for every question.
    begun: Cache<Key<K>, ()>,
    is_off: bool,
    /// One question of a tenant reads at a time. A lock serves some tenants.
    reading: Vec<Mutex<()>>,
    state: RandomState,
}

impl<K, P> fmt::Debug for Kept<K, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl<K: Clone + Eq + Hash + Send + Sync + 'static, P: Part> Kept<K, P> {
    /// Keeps about so many bytes at most; 0: nothing is read at all.
    pub(super) fn new(bytes: u64) -> Self {
        let kibibytes = |_: &Key<K>, part: &Arc<P>| u32::try_from(part.bytes() / 1024 + 1).unwrap_or(u32::MAX);
        let collections = Cache::builder().max_capacity(bytes / 1024).weigher(kibibytes);
        Self {
            collections: collections.eviction_policy(EvictionPolicy::lru()).build(),
            begun: Cache::builder().max_capacity(MOST_BEGUN).time_to_live(BEGIN_AGAIN).build(),
            is_off: bytes == 0,
            reading: (0..LOCKS).map(|_| Mutex::default()).collect(),
            state: RandomState::new(),
        }
    }

    /// What is kept of these collections, in the generations that the snapshot sees; `None`: not all of it is
    /// there yet. `load` adds what some versions hold.
    pub(super) async fn of<C: ConnectionTrait, F>(
        &self,
        snapshot: &Snapshot<'_, C>,
        kind: &K,
        reached: &[Reached],
        load: impl Fn(P::Added, Vec<Uuid>) -> F,
    ) -> Result<Option<Vec<Arc<P>>>, StoreError>
    where
        F: Future<Output = Result<P::Added, StoreError>>,
    {
        if self.is_off {
            return Ok(None);
        }
        let tenant = snapshot.question.scope.tenant_id.0;
        let key = |reached: &Reached| Key { tenant, collection: reached.id, kind: kind.clone() };
        let known = |reached: &Reached| {
            let part = self.collections.get(&key(reached))?;
            (part.generation() == reached.generation && !part.is_partial()).then_some(part)
        };
        if let Some(all) = reached.iter().map(known).collect::<Option<Vec<_>>>() {
            return Ok(Some(all));
        }
        // Nobody waits for another one's reading with a connection in hand.
        let lock = &self.reading[self.state.hash_one(tenant) as usize % self.reading.len()];
        let Ok(_reading) = lock.try_lock() else { return Ok(None) };
        let mut budget = LOAD_CHUNKS;
        let mut found = Vec::with_capacity(reached.len());
        let mut stale = Vec::new();
        for reached in reached {
            match known(reached) {
                Some(part) => found.push(part),
                None => stale.push(reached),
            }
        }
        for stale in stale.chunks(LOAD_COLLECTIONS) {
            let mut current = snapshot.current_versions(stale).await?;
            for reached in stale {
                if budget == 0 {
                    return Ok(None);
                }
                let current = current.remove(&reached.id).unwrap_or_default();
                let before = self.collections.get(&key(reached));
                if before.is_none() {
                    if self.begun.contains_key(&key(reached)) {
                        return Ok(None);
                    }
                    self.begun.insert(key(reached), ());
                }
                let part = advance(before.clone(), reached.generation, current, &mut budget, &load).await?;
                // An older snapshot does not undo what a newer one brought.
                if before.is_none_or(|before| before.generation() < part.generation() || before.is_partial()) {
                    self.collections.insert(key(reached), Arc::clone(&part));
                }
                found.push(part);
            }
        }
        Ok(found.iter().all(|part| !part.is_partial()).then_some(found))
    }
}

/// Brings what is kept of a collection to another generation, or nearer to it.
async fn advance<P: Part, F>(
    before: Option<Arc<P>>,
    generation: i64,
    current: Current,
    budget: &mut u64,
    load: &impl Fn(P::Added, Vec<Uuid>) -> F,
) -> Result<Arc<P>, StoreError>
where
    F: Future<Output = Result<P::Added, StoreError>>,
{
    let before = before.unwrap_or_default();
    let mut added = P::Added::default();
    let mut missing = before.missing(&current).into_iter().peekable();
    while missing.peek().is_some() && *budget > 0 {
        let (mut batch, mut chunks) = (Vec::new(), 0);
        while let Some((version, count)) = missing.next_if(|_| chunks < LOAD_BATCH) {
            batch.push(version);
            chunks += count.max(1);
        }
        *budget = budget.saturating_sub(chunks);
        added = load(added, batch).await?;
    }
    busy(move || Arc::new(before.advanced(generation, &current, added))).await
}

/// Does something that takes long on a thread that may be busy.
pub(super) async fn busy<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Backend(Box::new(error)))
}
