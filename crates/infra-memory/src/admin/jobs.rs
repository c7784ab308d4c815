//! Background jobs.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{
    access::Scope,
    admin::{Job, JobFailure, JobKind, JobLease, JobRepo, JobState, job::LIVE_SOURCE},
    clock::Timestamp,
    ids::{JobId, SourceId, TenantId},
    store::StoreError,
};

use crate::{
    check::{conflict, fits_column, no_nul, refuse},
    state::{State, need},
    store::MemoryTx,
};

/// When a job can be taken: a waiting one at its time, a running one when its lease ends.
fn due_at(job: &Job) -> Option<Timestamp> {
    match job.state {
        JobState::Queued => Some(job.run_at),
        JobState::Running => job.lease_expires_at,
        JobState::Done | JobState::Dead => None,
    }
}

fn is_about(job: &Job, source: SourceId) -> bool {
    let JobKind::Ingest { source_id, .. } = &job.kind;
    *source_id == source
}

impl State {
    fn claim(&mut self, now: Timestamp, lease_expires_at: Timestamp) -> Option<Job> {
        let is_due = |job: &&Job| due_at(job).is_some_and(|due| due <= now);
        let mut running: BTreeMap<TenantId, u64> = BTreeMap::new();
        for job in self.jobs.values().filter(|job| job.state == JobState::Running && !is_due(job)) {
            *running.entry(job.tenant_id).or_default() += 1;
        }
        let fairest = |job: &&Job| (running.get(&job.tenant_id).copied().unwrap_or(0), job.created_at, job.id);
        let id = self.jobs.values().filter(is_due).min_by_key(fairest)?.id;
        let job = self.jobs.get_mut(&id)?;
        job.state = JobState::Running;
        job.fence += 1;
        job.attempts += 1;
        job.lease_expires_at = Some(lease_expires_at);
        job.updated_at = now;
        Some(job.clone())
    }
}

impl MemoryTx {
    fn reaches_job(&self, job: &Job) -> bool {
        match &self.scope {
            Scope::Tenant(scope) => scope.tenant_id == job.tenant_id,
            Scope::Installation { .. } => true,
            Scope::SignIn => false,
        }
    }

    /// Changes the job that this lease holds.
    fn with_lease(&self, lease: JobLease, change: impl FnOnce(&mut Job)) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let held =
                |job: &&mut Job| self.reaches_job(job) && job.state == JobState::Running && job.fence == lease.fence;
            let job = state.jobs.get_mut(&lease.id).filter(held).ok_or(StoreError::Stale)?;
            change(job);
            no_nul(job.error.as_deref())?;
            no_nul(job.step.as_deref())?;
            fits_column([job.progress_done, job.progress_total])
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
        if self.tenant()?.tenant_id != job.tenant_id {
            return Err(StoreError::OutOfScope("a job is queued in the scope of its tenant"));
        }
        self.write(|state| {
            no_nul([&job.step, &job.error].into_iter().flatten().map(String::as_str))?;
            fits_column([job.progress_done, job.progress_total])?;
            if job.state == JobState::Running && job.lease_expires_at.is_none() {
                return Err(refuse("a running job has a lease"));
            }
            if state.jobs.contains_key(&job.id) {
                return Err(conflict("jobs_pkey"));
            }
            let JobKind::Ingest { source_id, .. } = &job.kind;
            if job.state.is_live()
                && state.jobs.values().any(|other| other.state.is_live() && is_about(other, *source_id))
            {
                return Err(conflict(LIVE_SOURCE));
            }
            state.need_tenant(job.tenant_id)?;
            state.need_actor(job.tenant_id, job.user_id)?;
            need(Some(*source_id), |id| {
                state.sources.get(&id).is_some_and(|source| source.tenant_id == job.tenant_id)
            })?;
            state.jobs.insert_mut(job.id, job.clone());
            Ok(())
        })
    }

    async fn get(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| Ok(state.jobs.get(&id).filter(|job| self.reaches_job(job)).cloned()))
    }

    async fn find_by_source(&self, source: SourceId) -> Result<Option<Job>, StoreError> {
        self.tenant()?;
        self.read(|state| {
            let about = |job: &&Job| is_about(job, source) && self.reaches_job(job);
            let last = |job: &&Job| (job.state.is_live(), job.created_at, job.id);
            Ok(state.jobs.values().filter(about).max_by_key(last).cloned())
        })
    }

    async fn claim(&self, now: Timestamp, lease_expires_at: Timestamp) -> Result<Option<Job>, StoreError> {
        self.need_installation()?;
        self.write(|state| Ok(state.claim(now, lease_expires_at)))
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
}
