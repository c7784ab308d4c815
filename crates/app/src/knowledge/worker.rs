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
    knowledge::{ProcessingStatus, VersionProgress},
};
use futures::StreamExt;
use tokio::time::timeout;

use super::ingest::{Ingest, StepError};
use crate::{App, Error, Result, audit::Act};

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
                Ok(Some(job)) => self.carry_out(job).await,
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
        let tx = self.write(&Scope::system("claim a job")).await?;
        let job = tx.jobs().claim(now, now + TimeDelta::seconds(LEASE_SECONDS)).await?;
        tx.commit().await?;
        Ok(job)
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
            Err(error) => self.retrying(|| self.end_badly(&job, lease, &error)).await,
        };
        match ended {
            Ok(()) => {}
            Err(error) if error.is_stale() => tracing::warn!(job = %job.id, "another worker has taken the job"),
            Err(error) => tracing::error!(job = %job.id, error = ?error, "could not end a job; its lease will run out"),
        }
    }

    /// Renews the lease until it is lost.
    async fn keep_lease(&self, job: &Job, lease: JobLease) -> StepError {
        loop {
            tokio::time::sleep(RENEW_INTERVAL).await;
            let renew = async {
                let tx = self.write(&Scope::system_in(job.tenant_id)).await?;
                tx.jobs().renew(lease, self.now() + TimeDelta::seconds(LEASE_SECONDS)).await?;
                Ok::<_, Error>(tx.commit().await?)
            };
            match renew.await {
                Ok(()) => {}
                Err(error) if error.is_stale() => return StepError::Transient(error),
                Err(error) => tracing::warn!(job = %job.id, error = ?error, "a lease could not be renewed yet"),
            }
        }
    }

    async fn give_back(&self, job: &Job, lease: JobLease) {
        let release = async {
            let tx = self.write(&Scope::system_in(job.tenant_id)).await?;
            tx.jobs().release(lease, self.now()).await?;
            Ok::<_, Error>(tx.commit().await?)
        };
        if let Err(error) = release.await {
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
        let tx = self.write(&Scope::system_in(job.tenant_id)).await?;
        tx.jobs().fail(lease, &JobFailure { error: message.clone(), retry_at }, now).await?;
        if retry_at.is_none() {
            let progress = VersionProgress { status: Some(ProcessingStatus::Error), error: Some(message), at: now };
            if let Some(version) = tx.sources().version(source_version_id).await? {
                if version.status == ProcessingStatus::Uploaded {
                    let begun = VersionProgress { status: Some(ProcessingStatus::Processing), error: None, at: now };
                    tx.sources().set_version_status(source_version_id, &begun).await?;
                }
                tx.sources().set_version_status(source_version_id, &progress).await?;
            }
            if let Some(source) = tx.sources().get(source_id).await? {
                if source.status == ProcessingStatus::Uploaded {
                    let begun = VersionProgress { status: Some(ProcessingStatus::Processing), error: None, at: now };
                    tx.sources().set_status(source_id, &begun).await?;
                }
                // A source that is found already stays so; only its new version has failed.
                if source.status != ProcessingStatus::Processed {
                    tx.sources().set_status(source_id, &progress).await?;
                }
            }
            let act = Act::on("source_failed", "source", source_id.0);
            self.audit_in(tx.as_ref(), Some(job.tenant_id), None, act).await?;
        }
        Ok(tx.commit().await?)
    }
}
