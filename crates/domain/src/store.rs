//! The store: a unit of work under a scope. See the crate's documentation for the conventions.
//!
//! # Backends outside this repository, and versions
//! A backend implements [`Store`] and [`Tx`], and of [`Repos`] what it has: every accessor that it
//! leaves out leads to [`Unsupported`], whose calls are [`StoreError::Unsupported`]. It names the
//! tables that it does not keep in [`Capabilities::lacks`]. The crate `storage-testkit` shows whether
//! it is right, by groups.
//!
//! What a version of ours may do to it:
//! - A *patch* (0.1.1) changes no trait here. A case of the contract may be added where it shows a
//!   fault that the documentation of the port already forbids.
//! - A *minor* version (0.2.0; 1.1.0 once there is a 1.0) may add an aggregate: a trait of its own, an
//!   accessor with a default, and a group of cases. An older backend compiles and goes on; it names
//!   the new tables in [`Capabilities::lacks`], and its users get `unsupported` where they ask for them.
//! - A new *method* on a trait that is here already has no default, on purpose: its backends must not
//!   compile until they have it, as half an aggregate is none. So it is a breaking change (0.2.0; 2.0.0
//!   once there is a 1.0), as is a new field of [`Capabilities`] or of an entity.

mod unsupported;

use std::error::Error;

use async_trait::async_trait;

pub use unsupported::Unsupported;
pub(crate) use unsupported::repository;

use crate::{
    access::Scope,
    clock::Timestamp,
    conversations::StreamAppend,
    ids::TenantId,
    usage::{Folding, ModelPrice, ProviderCall},
};

/// Whether a unit of work may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads only; a write is refused.
    Read,
    /// Reads and writes.
    Write,
}

/// What kind of work asks for a unit of work: where a backend is busy, the first kind goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What a provider was paid for, and the leases of what runs: others wait for its end, or would take
    /// it for dead.
    Settlement,
    /// What somebody waits for.
    Request,
    /// What nobody waits for.
    Background,
}

/// Why storage could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique key is taken. The rest of the transaction is refused, on every backend.
    #[error("conflict on {constraint}")]
    Conflict {
        /// The constraint or index, as the schema names it.
        constraint: String,
    },
    /// A row that is referred to does not exist in this tenant, or is still referred to.
    #[error("a referenced row is missing or still in use")]
    ForeignKey,
    /// A value breaks a check of the schema.
    #[error("the schema refuses the value: {0}")]
    Check(String),
    /// Another writer changed the row, lease or fence that the command named.
    #[error("the row has changed since it was read")]
    Stale,
    /// The transaction lost to another one and may be tried again as a whole.
    #[error("the transaction must be tried again")]
    Retry,
    /// An earlier error ended this transaction; only a rollback is left.
    #[error("the transaction has already failed")]
    Poisoned,
    /// A write in a read transaction, or a repository that the scope does not reach.
    #[error("not allowed in this scope: {0}")]
    OutOfScope(&'static str),
    /// The database is well and has too much to do: no connection was free in time, or too many wait for one.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// There is no room on the disk of the database. Nothing was changed.
    #[error("the disk of the database is full")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// The database cannot be reached.
    #[error("the database is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The backend does not have this repository, named by its trait; see [`Capabilities::lacks`].
    #[error("the storage backend has no {0}")]
    Unsupported(&'static str),
    /// What is stored cannot be read as what it should be.
    #[error("stored data is not readable: {0}")]
    Corrupt(String),
    /// Anything else that the backend reported.
    #[error("the storage backend failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

/// What a backend can do; where it cannot, with the reason in its documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Name for logs and `/api/v1/version`: `memory`, `sqlite`, `postgres`.
    pub backend: &'static str,
    /// What is committed outlives the process.
    pub durable: bool,
    /// Several processes may serve one database at once.
    pub shared: bool,
    /// The database itself keeps tenants apart (row-level security).
    pub row_level_security: bool,
    /// The tables of which it keeps nothing, as the schema names them (`sources`); empty for all.
    pub lacks: &'static [&'static str],
}

/// A place where Banyan keeps its data.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Begins a unit of work. Nothing is visible to others before `commit`; dropping it rolls back.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when no place is free in time, [`StoreError::Unavailable`] when the database is
    /// away.
    async fn begin(&self, scope: &Scope, mode: Mode) -> Result<Box<dyn Tx>, StoreError>;

    /// The same for a kind of work. A backend on which units of work wait for each other long enough to
    /// matter hands its places out by priority, and within one in turn among tenants, so that no tenant
    /// keeps the others away; [`Store::begin`] is then that of a request.
    ///
    /// # Errors
    /// Those of [`Store::begin`].
    async fn begin_as(&self, scope: &Scope, mode: Mode, _priority: Priority) -> Result<Box<dyn Tx>, StoreError> {
        self.begin(scope, mode).await
    }

    /// Records a call to a provider that is about to be made, or renews the lease of one, in a unit of
    /// work of its own; returns the price of its model in force when it was requested.
    ///
    /// When this returns, the record outlives the process. A backend need not wait for its disk: until
    /// that is written, the record may be lost when the database itself dies.
    ///
    /// # Errors
    /// Those of [`UsageRepo::record_call`](crate::usage::UsageRepo::record_call) and of [`Tx::commit`].
    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        let tx = self.begin(&Scope::system_in(call.tenant_id), Mode::Write).await?;
        let price = tx.usage().record_call(call).await?;
        tx.commit().await?;
        Ok(price)
    }

    /// Appends to running streams what one flush of a process has for them, and renews their leases, in
    /// units of work of its own. Returns an outcome for each, in their order, as
    /// [`StreamRepo::append`](crate::conversations::StreamRepo::append) gives it; one stream's refusal is no
    /// other one's.
    ///
    /// When this returns, what was appended outlives the process. A backend need not wait for its disk:
    /// until that is written, it may be lost when the database itself dies.
    ///
    /// # Errors
    /// Those of [`Store::begin_as`] and [`Tx::commit`], which say nothing of any one stream: the whole may be
    /// tried again.
    async fn append_streams(&self, appends: &[StreamAppend]) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
        let mut outcomes = Vec::with_capacity(appends.len());
        for append in appends {
            outcomes.push(append_alone(self, append).await?);
        }
        Ok(outcomes)
    }

    /// Waits a moment until every unit of work that had written to the ledger when this was called has ended;
    /// returns whether all have. What they wrote can then be seen, or was undone.
    ///
    /// For backends with one writer at a time: that one has ended once another has committed, which whoever
    /// calls this has just done.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn outlive_ledger_writers(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Folds a tenant's rows of the ledger that were requested before a time into the kept daily sums, at most
    /// `days` of them, each in a unit of work of its own. See [`daily`](crate::usage::daily). Several may do so
    /// at once, and each may be cut off anywhere.
    ///
    /// # Errors
    /// Those of [`UsageRepo::fold`](crate::usage::UsageRepo::fold), and of the units of work.
    async fn fold_usage(&self, tenant: TenantId, before: Timestamp, days: u32) -> Result<Folding, StoreError> {
        let scope = Scope::system_in(tenant);
        let tx = self.begin(&scope, Mode::Write).await?;
        tx.usage().close(before).await?;
        tx.commit().await?;
        if !self.outlive_ledger_writers().await? {
            return Ok(Folding::Waiting);
        }
        for _ in 0..days {
            let tx = self.begin(&scope, Mode::Write).await?;
            let is_more = tx.usage().fold(before).await?;
            tx.commit().await?;
            if !is_more {
                return Ok(Folding::Done);
            }
        }
        Ok(Folding::Unfinished)
    }

    /// What this backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether the database answers now (for `/readyz`).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Appends to one stream in a unit of work of its own; the inner error is the stream's.
///
/// # Errors
/// Those of [`Store::append_streams`].
pub async fn append_alone(
    store: &(impl Store + ?Sized),
    append: &StreamAppend,
) -> Result<Result<bool, StoreError>, StoreError> {
    let StreamAppend { tenant_id, lease, events, lease_expires_at } = append;
    let tx = store.begin_as(&Scope::system_in(*tenant_id), Mode::Write, Priority::Settlement).await?;
    let outcome = tx.streams().append(*lease, events, *lease_expires_at).await;
    match outcome {
        Ok(_) => tx.commit().await?,
        Err(_) => tx.rollback().await?,
    }
    Ok(outcome)
}

/// An open unit of work. Never hold one across a call to a provider.
#[async_trait]
pub trait Tx: Repos {
    /// Makes everything durable and visible.
    ///
    /// # Errors
    /// [`StoreError::Retry`] or [`StoreError::Unavailable`]; after an error nothing was written,
    /// unless the connection broke while the commit was under way.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;

    /// Undoes everything.
    ///
    /// # Errors
    /// As `commit`; the backend rolls back in any case.
    async fn rollback(self: Box<Self>) -> Result<(), StoreError>;
}

/// Declares [`Repos`], and the macro by which a backend that has all repositories lends itself as each.
macro_rules! repos {
    ($($(#[$doc:meta])* $name:ident: $context:ident::$repo:ident;)+) => {
        /// The repositories of a unit of work, one per aggregate root. A backend leaves out what it does
        /// not have; one that implements all of them writes `impl Repos for MyTx { domain::lend_repos!(); }`.
        pub trait Repos: Send + Sync {
            $(
                $(#[$doc])*
                fn $name(&self) -> &dyn $crate::$context::$repo {
                    &Unsupported
                }
            )+
        }

        /// Lends a unit of work as every repository: the body of an `impl Repos` for a type that
        /// implements them all.
        #[macro_export]
        macro_rules! lend_repos {
            () => {
                $(fn $name(&self) -> &dyn $crate::$context::$repo {
                    self
                })+
            };
        }
    };
}

repos! {
    /// The one row that tells whether the installation is set up.
    installation: admin::InstallationRepo;
    /// Look-ups before a tenant is known; the only ones of [`Scope::sign_in`].
    sign_in: identity::SignInRepo;
    /// Tenants.
    tenants: tenancy::TenantRepo;
    /// Links of tenants to their pages elsewhere.
    social_links: tenancy::SocialLinkRepo;
    /// Users.
    users: identity::UserRepo;
    /// Roles and who has them.
    roles: identity::RoleRepo;
    /// Sessions and their refresh tokens.
    sessions: identity::SessionRepo;
    /// API keys.
    api_keys: identity::ApiKeyRepo;
    /// Conversations.
    conversations: conversations::ConversationRepo;
    /// Messages of conversations.
    messages: conversations::MessageRepo;
    /// Streams and their events.
    streams: conversations::StreamRepo;
    /// Collections.
    collections: knowledge::CollectionRepo;
    /// Sources and their versions.
    sources: knowledge::SourceRepo;
    /// Chunks, without their vectors.
    chunks: knowledge::ChunkRepo;
    /// Vectors and words of chunks.
    chunk_index: gateways::ChunkIndex;
    /// Searches, their hits, and citations.
    retrieval: knowledge::RetrievalRepo;
    /// The ledger.
    usage: usage::UsageRepo;
    /// Dated prices.
    prices: usage::PriceRepo;
    /// How much of what is kept there is.
    quotas: usage::QuotaRepo;
    /// The audit log.
    audit: admin::AuditRepo;
    /// Background work.
    jobs: admin::JobRepo;
    /// Responses kept for repeated requests.
    idempotency: admin::IdempotencyRepo;
}
