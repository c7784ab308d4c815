//! Background jobs: queued in the transaction of their cause, leased, fenced, retried, never lost.

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{JobId, SourceId, SourceVersionId, TenantId, UserId},
    names::names,
    store::{StoreError, repository},
};

/// Seconds that a lease lasts unless its worker renews it.
pub const LEASE_SECONDS: i64 = 20;
/// Tries before a job is dead.
pub const MAX_ATTEMPTS: u32 = 5;

/// Name of the rule that a source has at most one job that is queued or runs.
pub const LIVE_SOURCE: &str = "uq_jobs_live_source";

names! {
/// What a job does. Stored as JSON; old forms stay readable.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[serde(tag = "kind")]
    pub enum JobKind {
        /// Turn an uploaded file into searchable chunks.
        Ingest = "ingest" {
            /// The source.
            source_id: SourceId,
            /// The version to build.
            source_version_id: SourceVersionId,
        },
    }
}

names! {
    /// Where a job stands.
    pub enum JobState ("state") {
        /// Waits for a worker, from `run_at` on.
        Queued = "queued",
        /// A worker holds its lease.
        Running = "running",
        /// Finished.
        Done = "done",
        /// Given up; the error says why.
        Dead = "dead",
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

protected!(
    Job: Administration, tenant |row| Some(row.tenant_id), owner |row| row.user_id,
    adding ByActor, across Everything,
);

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

/// How much waits for the workers, for those who watch over an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobBacklog {
    /// Jobs that a worker could take now.
    pub due: u64,
    /// Jobs that a worker has and whose lease lasts.
    pub running: u64,
    /// Since when the oldest due job could be taken; `None` when none is due.
    pub oldest_due_at: Option<Timestamp>,
}

repository! {
    /// Stored jobs. Commands under a lease that is no longer the job's own are [`StoreError::Stale`].
    pub trait JobRepo {
        /// Queues a job, in the transaction of its cause, for the scope's user or for nobody.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] on [`LIVE_SOURCE`] when a job about the same source is queued or runs.
        async fn enqueue(&self, job: &Job) -> Result<(), StoreError>;
        /// The job, if the scope reaches it.
        async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError>;
        /// The job about a source that is queued or runs, or else the newest one, for whoever may read the
        /// source: it says how far the work is.
        async fn find_by_source(&self, source: SourceId) -> Result<Option<Job>, StoreError>;
        /// Takes a due job (queued, or running with an expired lease) in an installation scope: the
        /// tenant with the fewest running jobs first, then the oldest. Raises fence and attempts.
        async fn claim(&self, now: Timestamp, lease_expires_at: Timestamp) -> Result<Option<Job>, StoreError>;
        /// Renews the lease.
        async fn renew(&self, lease: JobLease, lease_expires_at: Timestamp) -> Result<(), StoreError>;
        /// Checks the lease and holds it until the transaction ends, so that what is written with it
        /// is written by its holder.
        async fn hold(&self, lease: JobLease) -> Result<(), StoreError>;
        /// Reports how far it is.
        async fn record_progress(&self, lease: JobLease, step: &str, done: u64, total: u64) -> Result<(), StoreError>;
        /// Ends it well.
        async fn finish(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError>;
        /// Notes a failed try.
        async fn fail(&self, lease: JobLease, failure: &JobFailure, at: Timestamp) -> Result<(), StoreError>;
        /// Gives it back untried (shutdown): queued at once, the attempt not counted.
        async fn release(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError>;
        /// How much waits in all tenants, in an installation scope; each count stops at `most`, so that
        /// looking costs the same however long the queue is.
        async fn backlog(&self, now: Timestamp, most: u32) -> Result<JobBacklog, StoreError>;
    }
}
