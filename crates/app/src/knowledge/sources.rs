//! Read, list and retry sources.

use domain::{
    access::{Actor, Permission},
    admin::{Job, JobState, job::LIVE_SOURCE},
    gateways::Topic,
    ids::{CollectionId, JobId, SourceId},
    knowledge::{ProcessingStatus, Source, SourceVersion},
    page::{Page, PageRequest},
    store::Tx,
};

use super::{Knowledge, UploadedSource, upload::ingest_job};
use crate::{Error, ErrorKind, Idempotent, Outcome, Result, audit::Act};

/// How far the work on a source is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceProgress {
    /// The step: `queued`, `parse`, `embed`, `publish`, `done`, `error`.
    pub step: String,
    /// Units of the step that are done.
    pub done: u64,
    /// Units of the step; 0 when unknown.
    pub total: u64,
}

/// A source as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceView {
    /// The source.
    pub source: Source,
    /// Its newest version.
    pub version: Option<SourceVersion>,
    /// How far the work is.
    pub progress: SourceProgress,
}

impl Knowledge {
    /// The source with its progress.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn source(&self, actor: &Actor, id: SourceId) -> Result<SourceView> {
        let tx = self.app.read(&self.app.parts.policy.allow(actor, Permission::KnowledgeRead)?).await?;
        let source = tx.sources().get(id).await?.ok_or_else(|| Error::not_found("source", id.0))?;
        let version = tx.sources().latest_version(id).await?;
        let job = tx.jobs().find_by_source(id).await?;
        tx.commit().await?;
        let progress = progress_of(&source, job.as_ref());
        Ok(SourceView { source, version, progress })
    }

    /// Sources of a collection, newest first.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn sources(&self, actor: &Actor, collection: CollectionId, page: PageRequest) -> Result<Page<Source>> {
        let tx = self.app.read(&self.app.parts.policy.allow(actor, Permission::KnowledgeRead)?).await?;
        if tx.collections().get(collection).await?.is_none() {
            return Err(Error::not_found("collection", collection.0));
        }
        let sources = tx.sources().list(collection, page).await?;
        tx.commit().await?;
        Ok(sources)
    }

    /// Queues a failed source again.
    ///
    /// # Errors
    /// `not_found`; `not_failed` for a source that has not failed, or waits or is worked on already.
    pub async fn retry(
        &self,
        actor: &Actor,
        id: SourceId,
        idempotent: Option<Idempotent<UploadedSource>>,
    ) -> Result<Outcome<UploadedSource>> {
        let scope = self.app.parts.policy.allow(actor, Permission::KnowledgeWrite)?;
        let app = self.app.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let (app, actor) = (&app, &actor);
                let outcome = app
                    .effect(actor, &scope, idempotent.as_ref(), |tx| async move {
                        let found = tx.sources().get(id).await?;
                        let source = found.ok_or_else(|| Error::not_found("source", id.0))?;
                        let version = failed_version(tx.as_ref(), &source).await?;
                        let job = ingest_job(JobId(app.parts.ids.random()), &source, version.id, app.now());
                        tx.jobs().enqueue(&job).await.map_err(|error| taken(error.into()))?;
                        app.audit(tx.as_ref(), actor, Act::on("source_retried", "source", id.0)).await?;
                        Ok((UploadedSource { source, job_id: job.id }, tx))
                    })
                    .await?;
                app.parts.wakeups.send(Topic::Jobs).await;
                Ok(outcome)
            })
            .await
    }
}

async fn failed_version(tx: &dyn Tx, source: &Source) -> Result<SourceVersion> {
    let version = tx.sources().latest_version(source.id).await?;
    if tx.jobs().find_by_source(source.id).await?.is_some_and(|job| job.state.is_live()) {
        return Err(in_work());
    }
    version.filter(|version| version.status == ProcessingStatus::Error).ok_or_else(|| {
        let message = "only a source whose processing has failed can be tried again";
        Error::new(ErrorKind::Conflict, "not_failed", message)
    })
}

/// Another request has queued the source since it was looked at.
fn taken(error: Error) -> Error {
    if error.is_conflict_on(LIVE_SOURCE) { in_work().because(error) } else { error }
}

fn in_work() -> Error {
    let message = "the source is queued or being processed already; read it to see how far it is";
    Error::new(ErrorKind::Conflict, "not_failed", message)
}

fn progress_of(source: &Source, job: Option<&Job>) -> SourceProgress {
    let plain = |step: &str| SourceProgress { step: step.to_owned(), ..SourceProgress::default() };
    match (source.status, job) {
        (ProcessingStatus::Processed, _) => plain("done"),
        (ProcessingStatus::Error, Some(job)) if job.state == JobState::Queued => plain("queued"),
        (ProcessingStatus::Error, _) => plain("error"),
        (_, Some(Job { step: Some(step), progress_done, progress_total, .. })) => {
            SourceProgress { step: step.clone(), done: *progress_done, total: *progress_total }
        }
        _ => plain("queued"),
    }
}
