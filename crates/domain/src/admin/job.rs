//! Background jobs: queued in the transaction of their cause, leased, fenced, retried, never lost.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::ValueError,
    ids::{JobId, SourceId, SourceVersionId, TenantId, UserId},
    store::StoreError,
};

/// Seconds that a lease lasts unless its worker renews it.
pub const LEASE_SECONDS: i64 = 20;
/// Tries before a job is dead.
pub const MAX_ATTEMPTS: u32 = 5;

/// Name of the rule that a source has at most one job that is queued or runs.
pub const LIVE_SOURCE: &str = "uq_jobs_live_source";

/// What a job does. Stored as JSON; old forms stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobKind {
    /// Turn an uploaded file into searchable chunks.
    Ingest {
        /// The source.
        source_id: SourceId,
        /// The version to build.
        source_version_id: SourceVersionId,
    },
}

impl JobKind {
    /// The stable name of the kind.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ingest { .. } => "ingest",
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waits for a worker, from `run_at` on.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Finished.
    Done,
    /// Given up; the error says why.
    Dead,
}

impl JobState {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// Parses the stable name.
    ///
    /// # Errors
    /// `unknown_state` for the field `state`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        [Self::Queued, Self::Running, Self::Done, Self::Dead]
            .into_iter()
            .find(|state| state.as_str() == value)
            .ok_or_else(|| ValueError::new("state", "unknown_state", "is not a state of a job"))
    }
}

impl JobState {
    /// Whether it is still to be worked on.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }
}

/// A unit of background work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its tenant; workers act under it, whatever the payload says.
    pub tenant_id: TenantId,
    /// Who caused it.
    pub user_id: Option<UserId>,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// The step that is being done (`parse`, `embed`), for people.
    pub step: Option<String>,
    /// Units of the step that are done.
    pub progress_done: u64,
    /// Units of the step; 0 when unknown.
    pub progress_total: u64,
    /// Tries begun.
    pub attempts: u32,
    /// Raised with every lease; writes under an older one are refused.
    pub fence: i64,
    /// End of the lease, while it runs.
    pub lease_expires_at: Option<Timestamp>,
    /// Not before.
    pub run_at: Timestamp,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The right to work on a job, as long as its lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobLease {
    /// The job.
    pub id: JobId,
    /// The fence of this lease.
    pub fence: i64,
}

/// What becomes of a job whose try failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFailure {
    /// Why, as a sentence.
    pub error: String,
    /// Try again at; `None`: give up.
    pub retry_at: Option<Timestamp>,
}

/// Stored jobs. Commands under a lease that is no longer the job's own are [`StoreError::Stale`].
#[async_trait]
pub trait JobRepo: Send + Sync {
    /// Queues a job, in the transaction of its cause.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] on [`LIVE_SOURCE`] when a job about the same source is queued or runs.
    async fn enqueue(&self, job: &Job) -> Result<(), StoreError>;
    /// The job.
    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;
    /// The job about a source that is queued or runs, or else the newest one.
    async fn find_by_source(&self, source: SourceId) -> Result<Option<Job>, StoreError>;
    /// Takes a due job (queued, or running with an expired lease) in an installation scope: the
    /// tenant with the fewest running jobs first, then the oldest. Raises fence and attempts.
    async fn claim(&self, now: Timestamp, lease_expires_at: Timestamp) -> Result<Option<Job>, StoreError>;
    /// Renews the lease.
    async fn renew(&self, lease: JobLease, lease_expires_at: Timestamp) -> Result<(), StoreError>;
    /// Checks the lease and holds it until the transaction ends, so that what is written with it
    /// is written by its holder.
    async fn hold(&self, lease: JobLease) -> Result<(), StoreError>;
    /// Tells how far it is.
    async fn record_progress(&self, lease: JobLease, step: &str, done: u64, total: u64) -> Result<(), StoreError>;
    /// Ends it well.
    async fn finish(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError>;
    /// Notes a failed try.
    async fn fail(&self, lease: JobLease, failure: &JobFailure, at: Timestamp) -> Result<(), StoreError>;
    /// Gives it back untried (shutdown): queued at once, the attempt not counted.
    async fn release(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError>;
}
