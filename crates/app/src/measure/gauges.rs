//! How much waits and how much runs, looked at now and then.

use chrono::TimeDelta;
use domain::{access::Scope, admin::Job, clock::Timestamp};
use tracing::Span;

use crate::{App, Result};

/// Most jobs that are counted: what waits beyond them costs nothing to look at.
const MAX_COUNTED_JOBS: u32 = 10_000;

impl App {
    /// Sets the gauges of this process and of the queue of jobs.
    pub(crate) async fn measure(&self) -> Result<()> {
        metrics::gauge!("banyan_streams_running").set(gauge(self.parts.live.len() as u64));
        metrics::gauge!("banyan_tasks_running").set(gauge(self.parts.tasks.len() as u64));
        metrics::gauge!("banyan_password_hashes_waiting").set(gauge(self.parts.passwords.waiting() as u64));
        let now = self.now();
        let scope = Scope::system("measure the queue of jobs");
        let backlog = self.query_in(&scope, async |tx| Ok(tx.jobs().backlog(now, MAX_COUNTED_JOBS).await?)).await?;
        metrics::gauge!("banyan_jobs_due").set(gauge(backlog.due));
        metrics::gauge!("banyan_jobs_running").set(gauge(backlog.running));
        metrics::gauge!("banyan_jobs_oldest_due_seconds").set(seconds_since(backlog.oldest_due_at, now));
        Ok(())
    }
}

/// The span of a job that a worker has taken, with how long it was due; and an observation of that.
pub(crate) fn job(job: &Job, now: Timestamp) -> Span {
    let waited = seconds_since(Some(job.run_at), now);
    metrics::histogram!("banyan_job_wait_seconds").record(waited);
    tracing::info_span!("job", id = %job.id, attempt = job.attempts, waited_seconds = waited)
}

/// A count as a gauge. Counts stay far below 2^53.
fn gauge(count: u64) -> f64 {
    count as f64
}

/// Seconds since a time, 0 without one.
fn seconds_since(at: Option<Timestamp>, now: Timestamp) -> f64 {
    at.map_or(TimeDelta::zero(), |at| now - at).as_seconds_f64()
}
