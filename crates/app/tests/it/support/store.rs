//! A store that counts what is open and what was begun, and fails when it is told to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use domain::{
    access::Scope,
    admin::{AuditRepo, IdempotencyRepo, InstallationRepo, JobRepo},
    conversations::{ConversationRepo, MessageRepo, StreamAppend, StreamRepo},
    gateways::ChunkIndex,
    identity::{ApiKeyRepo, RoleRepo, SessionRepo, SignInRepo, UserRepo},
    knowledge::{ChunkRepo, CollectionRepo, RetrievalRepo, SourceRepo},
    store::{Capabilities, Mode, Repos, Store, StoreError, Tx, append_alone},
    tenancy::TenantRepo,
    usage::{PriceRepo, QuotaRepo, UsageRepo},
};
use infra_memory::MemoryStore;
use tokio::sync::watch;

/// The memory backend, watched.
pub(crate) struct WatchedStore {
    inner: MemoryStore,
    open: Arc<AtomicUsize>,
    begun: AtomicUsize,
    reasons: Mutex<Vec<&'static str>>,
    lies: Arc<AtomicBool>,
    refuses: Arc<AtomicUsize>,
    panics: AtomicBool,
    forgets: AtomicBool,
    is_away: AtomicBool,
    refused: AtomicUsize,
    held: watch::Sender<bool>,
}

impl WatchedStore {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        let (open, lies) = (Arc::default(), Arc::default());
        Self {
            inner,
            open,
            begun: AtomicUsize::new(0),
            reasons: Mutex::default(),
            lies,
            refuses: Arc::default(),
            panics: AtomicBool::new(false),
            forgets: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            held: watch::Sender::new(false),
        }
    }

    /// While it is away no unit of work that writes begins; flushes of streams go on.
    pub(crate) fn be_away(&self, is_away: bool) {
        self.is_away.store(is_away, SeqCst);
    }

    /// Units of work that did not begin as it was away.
    pub(crate) fn refused(&self) -> usize {
        self.refused.load(SeqCst)
    }

    /// Holds commits of writes, or lets them go on.
    pub(crate) fn hold(&self, is_held: bool) {
        self.held.send_replace(is_held);
    }

    /// Waits until a commit is held.
    pub(crate) async fn a_commit_is_held(&self) {
        super::until("a commit is held", async || self.held.receiver_count() > 0).await;
    }

    /// Units of work that were begun so far.
    pub(crate) fn count(&self) -> usize {
        self.begun.load(SeqCst)
    }

    /// Whether work of the installation was begun for this reason.
    pub(crate) fn begun(&self, reason: &str) -> bool {
        self.reasons.lock().unwrap().contains(&reason)
    }

    /// Units of work that are open now.
    pub(crate) fn open(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.open)
    }

    /// The next commit of a write is done, but reported as failed: the connection broke meanwhile.
    pub(crate) fn lie_once(&self) {
        self.lies.store(true, SeqCst);
    }

    /// Whether it was.
    pub(crate) fn has_lied(&self) -> bool {
        !self.lies.load(SeqCst)
    }

    /// So many of the next commits of a write are refused for what they write.
    pub(crate) fn refuse(&self, count: usize) {
        self.refuses.store(count, SeqCst);
    }

    /// How many of them were not asked for yet.
    pub(crate) fn refusals_left(&self) -> usize {
        self.refuses.load(SeqCst)
    }

    /// The next flush of streams is acknowledged and lost, as by a database that dies a moment later.
    pub(crate) fn forget_once(&self) {
        self.forgets.store(true, SeqCst);
    }

    /// Whether it was.
    pub(crate) fn has_forgotten(&self) -> bool {
        !self.forgets.load(SeqCst)
    }

    /// The next flush of streams panics.
    pub(crate) fn panic_once(&self) {
        self.panics.store(true, SeqCst);
    }

    /// Whether it has.
    pub(crate) fn has_panicked(&self) -> bool {
        !self.panics.load(SeqCst)
    }
}

#[async_trait]
impl Store for WatchedStore {
    async fn begin(&self, scope: &Scope, mode: Mode) -> Result<Box<dyn Tx>, StoreError> {
        self.begun.fetch_add(1, SeqCst);
        if let Scope::Installation { reason } = scope {
            self.reasons.lock().unwrap().push(reason);
        }
        if mode == Mode::Write && self.is_away.load(SeqCst) {
            self.refused.fetch_add(1, SeqCst);
            return Err(StoreError::Unavailable("it is away".into()));
        }
        let inner = self.inner.begin(scope, mode).await?;
        self.open.fetch_add(1, SeqCst);
        let (lies, refuses) = match mode {
            Mode::Write => (Arc::clone(&self.lies), Arc::clone(&self.refuses)),
            Mode::Read => Default::default(),
        };
        let held = (mode == Mode::Write).then(|| self.held.clone());
        Ok(Box::new(WatchedTx { inner, lies, refuses, held, _open: Open(Arc::clone(&self.open)) }))
    }

    async fn append_streams(&self, appends: &[StreamAppend]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        assert!(!self.panics.swap(false, SeqCst), "told to");
        if self.forgets.swap(false, SeqCst) {
            return Ok(appends.iter().map(|_| Ok(false)).collect());
        }
        let mut outcomes = Vec::new();
        for append in appends {
            outcomes.push(match self.is_away.load(SeqCst) {
                true => append_alone(&self.inner, append).await?,
                false => append_alone(self, append).await?,
            });
        }
        Ok(outcomes)
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

struct WatchedTx {
    inner: Box<dyn Tx>,
    lies: Arc<AtomicBool>,
    refuses: Arc<AtomicUsize>,
    held: Option<watch::Sender<bool>>,
    _open: Open,
}

#[async_trait]
impl Tx for WatchedTx {
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        if let Some(held) = self.held.as_ref().filter(|held| *held.borrow()) {
            held.subscribe().wait_for(|is_held| !is_held).await.unwrap();
        }
        if self.refuses.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            self.inner.rollback().await?;
            return Err(StoreError::Check("the database does not take it".to_owned()));
        }
        self.inner.commit().await?;
        if self.lies.swap(false, SeqCst) {
            return Err(StoreError::Unavailable("the connection broke behind the commit".into()));
        }
        Ok(())
    }

    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
}

/// Hands every repository through.
macro_rules! repos {
    ($($name:ident: $repo:ident),* $(,)?) => {
        impl Repos for WatchedTx {
            $(fn $name(&self) -> &dyn $repo {
                self.inner.$name()
            })*
        }
    };
}

repos! {
    installation: InstallationRepo, sign_in: SignInRepo, tenants: TenantRepo, users: UserRepo, roles: RoleRepo,
    sessions: SessionRepo, api_keys: ApiKeyRepo, conversations: ConversationRepo, messages: MessageRepo,
    streams: StreamRepo, collections: CollectionRepo, sources: SourceRepo, chunks: ChunkRepo, chunk_index: ChunkIndex,
    retrieval: RetrievalRepo, usage: UsageRepo, prices: PriceRepo, quotas: QuotaRepo, audit: AuditRepo, jobs: JobRepo,
    idempotency: IdempotencyRepo,
}
