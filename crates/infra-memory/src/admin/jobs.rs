//! Background jobs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    access::Purpose,
    admin::{Job, JobBacklog, JobFailure, JobKind, JobLease, JobRepo, JobState, job::LIVE_SOURCE},
    clock::Timestamp,
    identity::User,
    ids::{JobId, SourceId, TenantId},
    knowledge::{Collection, Source},
    store::StoreError,
    tenancy::Tenant,
};
use uuid::Uuid;

use crate::{
    check::{fits_column, no_nul, require},
    references::Reference,
    state::State,
    store::MemoryTx,
    table::{Key, Row, place},
};

/// The source that a job is about.
fn source_of(job: &Job) -> SourceId {
    let JobKind::Ingest { source_id, .. } = &job.kind;
    *source_id
}

impl Row for Job {
    type Id = JobId;
    const KEYS: &'static [Key<Self>] =
        &[Key { name: LIVE_SOURCE, of: |job| job.state.is_live().then(|| place![job.tenant_id.0, source_of(job).0]) }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).clears(|job| job.user_id = None),
        Reference::to::<Source>(&["tenant_id", "source_id"]).cascades(),
    ];

    fn id(&self) -> JobId {
        self.id
    }

    fn column(&self, name: &str) -> Option<Uuid> {
        match name {
            "id" => Some(self.id.0),
            "tenant_id" => Some(self.tenant_id.0),
            "user_id" => self.user_id.map(|id| id.0),
            "source_id" => Some(source_of(self).0),
            _ => None,
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        no_nul(self.step.iter().chain(&self.error))?;
        fits_column([self.progress_done, self.progress_total])?;
        require(self.state != JobState::Running || self.lease_expires_at.is_some(), "a running job has a lease")
    }
}

/// When a job can be taken: a waiting one at its time, a running one when its lease ends.
fn due_at(job: &Job) -> Option<Timestamp> {
    match job.state {
        JobState::Queued => Some(job.run_at),
        JobState::Running => job.lease_expires_at,
        JobState::Done | JobState::Dead => None,
    }
}

impl State {
    fn claim(&mut self, now: Timestamp, lease_expires_at: Timestamp) -> Result<Option<Job>, StoreError> {
        let is_due = |job: &&Job| due_at(job).is_some_and(|due| due <= now);
        let mut running: BTreeMap<TenantId, u64> = BTreeMap::new();
        for job in self.jobs.iter().filter(|job| job.state == JobState::Running && !is_due(job)) {
            *running.entry(job.tenant_id).or_default() += 1;
        }
        let fairest = |job: &&Job| (running.get(&job.tenant_id).copied().unwrap_or(0), job.created_at, job.id);
        let Some(mut job) = self.jobs.iter().filter(is_due).min_by_key(fairest).cloned() else { return Ok(None) };
        job.state = JobState::Running;
        job.fence += 1;
        job.attempts += 1;
        job.lease_expires_at = Some(lease_expires_at);
        job.updated_at = now;
        self.replace(job.clone())?;
        Ok(Some(job))
    }
}

impl MemoryTx {
    /// Changes the job that this lease holds.
    fn with_lease(&self, lease: JobLease, change: impl FnOnce(&mut Job)) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Job>(Purpose::Change)?;
        self.write(|state| {
            let job = state.reached::<Job>(filter, &lease.id).ok_or(StoreError::Stale)?;
            if job.state != JobState::Running || job.fence != lease.fence {
                return Err(StoreError::Stale);
            }
            state.change(&lease.id, change)
        })
    }
}

/// Ends the lease.
fn leave(job: &mut Job, next: JobState, at: Timestamp) {
    job.state = next;
    job.lease_expires_at = None;
    job.updated_at = at;
}

#[async_trait]
impl JobRepo for MemoryTx {
    async fn enqueue(&self, job: &Job) -> Result<(), StoreError> {
        self.add(job)
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.get_row(&id)
    }

    async fn find_by_source(&self, source: SourceId) -> Result<Option<Job>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let about = state.jobs.iter().filter(|job| source_of(job) == source);
            let newest = about.max_by_key(|job| (job.state.is_live(), job.created_at, job.id));
            Ok(newest.filter(|_| state.reached_source(filter, source).is_some()).cloned())
        })
    }

    async fn claim(&self, now: Timestamp, lease_expires_at: Timestamp) -> Result<Option<Job>, StoreError> {
        self.need_installation()?;
        self.write(|state| state.claim(now, lease_expires_at))
    }

    async fn renew(&self, lease: JobLease, lease_expires_at: Timestamp) -> Result<(), StoreError> {
        let now = self.now();
        self.with_lease(lease, |job| {
            job.lease_expires_at = Some(lease_expires_at);
            job.updated_at = now;
        })
    }

    async fn hold(&self, lease: JobLease) -> Result<(), StoreError> {
        // The one write transaction holds everything already.
        self.with_lease(lease, |_| ())
    }

    async fn record_progress(&self, lease: JobLease, step: &str, done: u64, total: u64) -> Result<(), StoreError> {
        let now = self.now();
        self.with_lease(lease, |job| {
            job.step = Some(step.to_owned());
            job.progress_done = done;
            job.progress_total = total;
            job.updated_at = now;
        })
    }

    async fn finish(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError> {
        self.with_lease(lease, |job| leave(job, JobState::Done, at))
    }

    async fn fail(&self, lease: JobLease, failure: &JobFailure, at: Timestamp) -> Result<(), StoreError> {
        self.with_lease(lease, |job| {
            let next = if failure.retry_at.is_some() { JobState::Queued } else { JobState::Dead };
            leave(job, next, at);
            job.run_at = failure.retry_at.unwrap_or(job.run_at);
            job.error = Some(failure.error.clone());
        })
    }

    async fn release(&self, lease: JobLease, at: Timestamp) -> Result<(), StoreError> {
        self.with_lease(lease, |job| {
            leave(job, JobState::Queued, at);
            job.run_at = at;
            job.attempts = job.attempts.saturating_sub(1);
        })
    }

    async fn backlog(&self, now: Timestamp, most: u32) -> Result<JobBacklog, StoreError> {
        self.need_installation()?;
        self.read(|state| {
            let due = || state.jobs.iter().filter_map(due_at).filter(|due| *due <= now);
            let held = |job: &&Job| job.state == JobState::Running && due_at(job).is_some_and(|due| due > now);
            let up_to = |count: usize| (count as u64).min(u64::from(most));
            Ok(JobBacklog {
                due: up_to(due().count()),
                running: up_to(state.jobs.iter().filter(held).count()),
                oldest_due_at: due().min(),
            })
        })
    }
}
