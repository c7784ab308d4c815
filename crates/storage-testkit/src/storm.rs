//! The storm of cancellations (faults F01 and F02): many tasks write and read at once, half of them
//! are aborted at random moments, and nothing that was acknowledged may be lost or cross a tenant.
//!
//! A short form runs in the tests of each backend, a long one on demand.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::DateTime;
use domain::{
    access::Scope,
    admin::AuditLog,
    clock::Timestamp,
    ids::{AuditLogId, CollectionId, IdGen, RandomIds, TenantId},
    knowledge::{ChunkingSettings, Collection, CollectionVisibility},
    page::{MAX_PAGE_LIMIT, PageRequest},
    store::{Mode, Store, StoreError},
    tenancy::{Slug, Tenant},
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// An aborted task lives at most this long.
const LONGEST_LIFE: Duration = Duration::from_millis(12);
/// Tenants among which the tasks are spread.
const TENANTS: usize = 4;

/// How strong a storm is.
#[derive(Debug, Clone, Copy)]
pub struct StormSettings {
    /// Tasks at once; every second one is aborted again and again.
    pub tasks: usize,
    /// How long it lasts.
    pub duration: Duration,
    /// Where the random moments come from.
    pub seed: u64,
}

/// What a storm did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StormReport {
    /// Units of work that were aborted.
    pub cancelled: u64,
    /// Writes whose commit was acknowledged.
    pub acknowledged: u64,
    /// Of those, the ones that are not there afterwards. Must be 0.
    pub lost: u64,
    /// Rows read, each of which should be of the reader's own tenant.
    pub rows_read: u64,
    /// Those that were not. Must be 0.
    pub foreign_rows: u64,
    /// Errors that tasks saw which nobody aborted. Must be 0.
    pub errors: u64,
}

/// Writes that need no unit of work, for backends on whose connections such writes are made.
#[async_trait]
pub trait AutocommitWrites: Send + Sync {
    /// Writes a row of this id in one statement.
    ///
    /// # Errors
    /// When the statement failed.
    async fn write(&self, id: Uuid) -> Result<(), StoreError>;

    /// The ids of all rows that are there.
    ///
    /// # Errors
    /// When they cannot be read.
    async fn written(&self) -> Result<HashSet<Uuid>, StoreError>;
}

/// What the clients of the storm know.
#[derive(Default)]
struct Ledger {
    rows: Mutex<Vec<(TenantId, AuditLogId)>>,
    autocommitted: Mutex<Vec<Uuid>>,
    raised: AtomicU64,
    cancelled: AtomicU64,
    rows_read: AtomicU64,
    foreign_rows: AtomicU64,
    errors: AtomicU64,
}

/// Random numbers that a seed repeats (`SplitMix64`).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// A tenant of the storm with a counter that all its tasks raise.
#[derive(Clone, Copy)]
struct Ground {
    tenant: TenantId,
    counter: CollectionId,
}

/// Lets the storm loose on an empty store, and counts what it did.
///
/// # Errors
/// When the store fails outside the storm itself, while it is prepared or checked.
pub async fn storm(
    store: Arc<dyn Store>,
    settings: StormSettings,
    autocommit: Option<Arc<dyn AutocommitWrites>>,
) -> Result<StormReport, StoreError> {
    let grounds = prepare(store.as_ref()).await?;
    let ledger = Arc::new(Ledger::default());
    let end = Instant::now() + settings.duration;
    let mut tasks = Vec::new();
    for number in 0..settings.tasks {
        let (store, ledger, autocommit) = (Arc::clone(&store), Arc::clone(&ledger), autocommit.clone());
        let ground = grounds[number % grounds.len()];
        let random = Random(settings.seed ^ ((number as u64) << 32));
        // Both kinds are spread over all tenants.
        let is_aborted = (number / grounds.len()).is_multiple_of(2);
        tasks.push(tokio::spawn(async move {
            if is_aborted {
                be_aborted(store, ground, ledger, random, end).await;
            } else {
                be_innocent(store, ground, ledger, autocommit, end).await;
            }
        }));
    }
    for task in tasks {
        if let Err(failure) = task.await {
            return Err(StoreError::Backend(Box::new(failure)));
        }
    }
    check(store.as_ref(), &grounds, &ledger, autocommit.as_deref()).await
}

async fn prepare(store: &dyn Store) -> Result<Vec<Ground>, StoreError> {
    let mut grounds = Vec::new();
    for number in 0..TENANTS {
        let ground = Ground { tenant: TenantId(RandomIds.random()), counter: CollectionId(RandomIds.random()) };
        let tx = store.begin(&Scope::system_in(ground.tenant), Mode::Write).await?;
        let name = format!("storm {number} {}", ground.tenant);
        let slug = Slug::from_name(&name);
        let at = DateTime::UNIX_EPOCH;
        tx.tenants().insert(&Tenant { id: ground.tenant, name, slug, created_at: at, updated_at: at }).await?;
        tx.collections().insert(&counter(ground, at)).await?;
        tx.commit().await?;
        grounds.push(ground);
    }
    Ok(grounds)
}

fn counter(ground: Ground, at: Timestamp) -> Collection {
    Collection {
        id: ground.counter,
        tenant_id: ground.tenant,
        user_id: None,
        parent_id: None,
        name: "counter".to_owned(),
        description: None,
        visibility: CollectionVisibility::Shared,
        chunking: ChunkingSettings::default(),
        chunk_count: 0,
        generation: 0,
        created_at: at,
        updated_at: at,
    }
}

/// One unit of work that writes a row, raises the counter, and reads rows back.
async fn work(store: &dyn Store, ground: Ground, ledger: &Ledger) -> Result<(), StoreError> {
    let scope = Scope::system_in(ground.tenant);
    let row = AuditLog {
        id: AuditLogId(RandomIds.ordered()),
        tenant_id: Some(ground.tenant),
        user_id: None,
        superadmin_id: None,
        action: "storm".to_owned(),
        entity_type: "collection".to_owned(),
        entity_id: Some(ground.counter.0),
        changes: None,
        ip_address: None,
        user_agent: None,
        created_at: DateTime::UNIX_EPOCH,
    };
    let tx = store.begin(&scope, Mode::Write).await?;
    tx.audit().insert(&row).await?;
    tx.collections().record_change(ground.counter, 1).await?;
    tx.commit().await?;
    // No await stands between the acknowledgement and the note of it.
    lock(&ledger.rows).push((ground.tenant, row.id));
    ledger.raised.fetch_add(1, Ordering::Relaxed);

    let tx = store.begin(&scope, Mode::Read).await?;
    let page = tx.audit().list(PageRequest::default()).await?;
    ledger.rows_read.fetch_add(page.items.len() as u64, Ordering::Relaxed);
    let foreign = page.items.iter().filter(|row| row.tenant_id != Some(ground.tenant)).count();
    ledger.foreign_rows.fetch_add(foreign as u64, Ordering::Relaxed);
    tx.rollback().await
}

async fn be_aborted(store: Arc<dyn Store>, ground: Ground, ledger: Arc<Ledger>, mut random: Random, end: Instant) {
    while Instant::now() < end {
        let life = Duration::from_micros(random.below(u64::try_from(LONGEST_LIFE.as_micros()).unwrap_or(u64::MAX)));
        // Leaving `timeout` drops the future wherever it stands. Errors are the aborted one's own.
        if timeout(life, work(store.as_ref(), ground, &ledger)).await.is_err() {
            ledger.cancelled.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn be_innocent(
    store: Arc<dyn Store>,
    ground: Ground,
    ledger: Arc<Ledger>,
    autocommit: Option<Arc<dyn AutocommitWrites>>,
    end: Instant,
) {
    while Instant::now() < end {
        let done = match &autocommit {
            Some(writes) => {
                let id = RandomIds.random();
                let done = writes.write(id).await;
                if done.is_ok() {
                    lock(&ledger.autocommitted).push(id);
                }
                done
            }
            None => Ok(()),
        };
        if done.is_err() || work(store.as_ref(), ground, &ledger).await.is_err() {
            ledger.errors.fetch_add(1, Ordering::Relaxed);
            // A backend that fails at once is not asked in a busy loop.
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Compares what the clients know with what the store holds.
async fn check(
    store: &dyn Store,
    grounds: &[Ground],
    ledger: &Ledger,
    autocommit: Option<&dyn AutocommitWrites>,
) -> Result<StormReport, StoreError> {
    let acknowledged = lock(&ledger.rows).clone();
    let autocommitted = lock(&ledger.autocommitted).clone();
    let mut stored = HashSet::new();
    let mut counted = 0;
    for ground in grounds {
        let tx = store.begin(&Scope::system_in(ground.tenant), Mode::Read).await?;
        let mut page = PageRequest::new(Some(MAX_PAGE_LIMIT), None);
        loop {
            let rows = tx.audit().list(page).await?;
            stored.extend(rows.items.iter().map(|row| (ground.tenant, row.id)));
            match rows.next {
                Some(cursor) => page.cursor = Some(cursor),
                None => break,
            }
        }
        counted += tx.collections().get(ground.counter).await?.map_or(0, |counter| counter.chunk_count);
        tx.rollback().await?;
    }
    let mut lost = acknowledged.iter().filter(|row| !stored.contains(row)).count() as u64;
    lost += ledger.raised.load(Ordering::Relaxed).saturating_sub(counted);
    if let Some(writes) = autocommit {
        let written = writes.written().await?;
        lost += autocommitted.iter().filter(|id| !written.contains(id)).count() as u64;
    }
    Ok(StormReport {
        cancelled: ledger.cancelled.load(Ordering::Relaxed),
        acknowledged: (acknowledged.len() + autocommitted.len()) as u64,
        lost,
        rows_read: ledger.rows_read.load(Ordering::Relaxed),
        foreign_rows: ledger.foreign_rows.load(Ordering::Relaxed),
        errors: ledger.errors.load(Ordering::Relaxed),
    })
}

/// The list behind a lock; nobody panics while holding one.
fn lock<T>(list: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    list.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
