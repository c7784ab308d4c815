//! Workers: claim due jobs, keep their leases, end them well or badly.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{
    access::Scope,
    admin::{
        Job, JobFailure, JobKind, JobLease,
        job::{LEASE_SECONDS, MAX_ATTEMPTS},
    },
    gateways::Topic,
    ids::{SourceId, SourceVersionId},
    knowledge::{ProcessingStatus, VersionProgress},
    store::Priority,
};
use futures::StreamExt;
use tokio::time::timeout;
use tracing::Instrument;

use super::ingest::{Ingest, StepError};
use crate::{
    App, Result,
    audit::{Act, Audited},
    measure,
    unit_of_work::Uow,
};

/// How often a worker looks for work without a wake-up.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// Pause after the database failed a worker.
const ERROR_PAUSE: Duration = Duration::from_secs(1);
/// How often a lease is renewed.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// First pause before a failed job is tried again; it doubles with every try.
const FIRST_RETRY: TimeDelta = TimeDelta::seconds(2);

impl App {
    /// Works on jobs until shutdown.
    pub(crate) async fn work(&self) {
        let mut wakeups = self.parts.wakeups.subscribe();
        while !self.parts.shutdown.is_cancelled() {
            match self.claim().await {
                Ok(Some(job)) => {
                    let span = measure::job(&job, self.now());
                    self.carry_out(job).instrument(span).await;
                }
                Ok(None) => {
                    let woken = async { while wakeups.next().await.is_some_and(|topic| topic != Topic::Jobs) {} };
                    tokio::select! {
                        _ = timeout(POLL_INTERVAL, woken) => {}
                        () = self.parts.shutdown.cancelled() => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(error = ?error, "could not look for jobs");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    async fn claim(&self) -> Result<Option<Job>> {
        let now = self.now();
        let lease_expires_at = now + TimeDelta::seconds(LEASE_SECONDS);
        let claim = |tx: Uow| async move { Ok(tx.jobs().claim(now, lease_expires_at).await?) };
        self.unaudited(&Scope::system("claim a job"), "the end of a job is audited", claim).await
    }

    async fn carry_out(&self, job: Job) {
        let lease = JobLease { id: job.id, fence: job.fence };
        let JobKind::Ingest { source_id, source_version_id } = job.kind;
        let ingest = Ingest::new(self, &job, lease, source_id, source_version_id);
        let renewing = self.keep_lease(&job, lease);
        let outcome = tokio::select! {
            // Workers that died took their tries with them.
            () = std::future::ready(()), if job.attempts > MAX_ATTEMPTS => {
                Err(StepError::Permanent("the server stopped each time it worked on this file; the file may be the cause".to_owned()))
            }
            outcome = ingest.run() => outcome,
            lost = renewing => Err(lost),
            () = self.parts.halt.cancelled() => {
                self.give_back(&job, lease).await;
                return;
            }
        };
        let ended = match outcome {
            Ok(()) => return,
            Err(error) => self.end_badly(&job, lease, &error).await,
        };
        match ended {
            Ok(()) => {}
            Err(error) if error.is_stale() => tracing::warn!(job = %job.id, "another worker has taken the job"),
            Err(error) => tracing::error!(job = %job.id, error = ?error, "could not end a job; its lease will run out"),
        }
    }

    /// Renews the lease until it is lost.
    // It is renewed four times in its length, beside the work and not by it: parsing or embedding may
    // take longer than a lease without a statement. A renewal that the database does not take is tried
    // again at the next turn, as the lease may outlast the trouble. One that is refused as stale says
    // that the lease ran out and another worker has the job: the work is dropped where it stands, which
    // undoes the unit of work that is open, and every later one would be refused by the fence anyway.
    async fn keep_lease(&self, job: &Job, lease: JobLease) -> StepError {
        let scope = Scope::system_in(job.tenant_id);
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            let until = self.now() + TimeDelta::seconds(LEASE_SECONDS);
            let renew = |tx: Uow| async move { Ok(tx.jobs().renew(lease, until).await?) };
            match self.at(Priority::Settlement).unaudited(&scope, "a lease is renewed", renew).await {
                Ok(()) => {}
                Err(error) if error.is_stale() => return StepError::Transient(error),
                Err(error) => tracing::warn!(job = %job.id, error = ?error, "a lease could not be renewed yet"),
            }
        }
    }

    async fn give_back(&self, job: &Job, lease: JobLease) {
        let release = |tx: Uow| async move { Ok(tx.jobs().release(lease, tx.now()).await?) };
        let why = "the job goes on with another worker";
        if let Err(error) = self.unaudited(&Scope::system_in(job.tenant_id), why, release).await {
            tracing::warn!(job = %job.id, error = ?error, "a job could not be given back; its lease will run out");
        }
    }

    /// Notes a failed try: again later, or dead with its reason on the source.
    async fn end_badly(&self, job: &Job, lease: JobLease, failure: &StepError) -> Result<()> {
        let now = self.now();
        let JobKind::Ingest { source_id, source_version_id } = job.kind;
        let (message, retry_at) = match failure {
            StepError::Permanent(message) => (message.clone(), None),
            StepError::Transient(error) if error.is_stale() => return Ok(()),
            StepError::Transient(error) => {
                tracing::warn!(job = %job.id, attempt = job.attempts, error = ?error, "a job failed");
                let wait = FIRST_RETRY * 2i32.saturating_pow(job.attempts.saturating_sub(1));
                (error.message.clone(), (job.attempts < MAX_ATTEMPTS).then(|| now + wait))
            }
        };
        let (failure, retries) = (&JobFailure { error: message, retry_at }, retry_at.is_some());
        let work = |tx: Uow| async move {
            tx.jobs().fail(lease, failure, now).await?;
            if retries {
                return Ok(((), Audited::nothing("the job is tried again")));
            }
            mark_failed(&tx, source_id, source_version_id, &failure.error).await?;
            Ok(((), Act::on("source_failed", "source", source_id.0).into()))
        };
        self.change_in(&Scope::system_in(job.tenant_id), None, work).await
    }
}

/// Notes on a source and its version that the work on it has failed for good.
async fn mark_failed(tx: &Uow, source: SourceId, version: SourceVersionId, message: &str) -> Result<()> {
    let at = tx.now();
    let begun = VersionProgress { status: Some(ProcessingStatus::Processing), error: None, at };
    let failed = VersionProgress { status: Some(ProcessingStatus::Error), error: Some(message.to_owned()), at };
    if let Some(version) = tx.sources().version(version).await? {
        if version.status == ProcessingStatus::Uploaded {
            tx.sources().set_version_status(version.id, &begun).await?;
        }
        tx.sources().set_version_status(version.id, &failed).await?;
    }
    if let Some(source) = tx.sources().get(source).await? {
        if source.status == ProcessingStatus::Uploaded {
            tx.sources().set_status(source.id, &begun).await?;
        }
        // A source that is found already stays so; only its new version has failed.
        if source.status != ProcessingStatus::Processed {
            tx.sources().set_status(source.id, &failed).await?;
        }
    }
    Ok(())
}
