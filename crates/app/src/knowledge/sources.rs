//! Read, list and retry sources.

use domain::{
    access::{Actor, Permission},
    admin::{Job, JobState, job::LIVE_SOURCE},
    gateways::Topic,
    ids::{CollectionId, JobId, SourceId},
    knowledge::{ProcessingStatus, Source, SourceVersion},
    page::{Page, PageRequest},
};

use super::{
    Knowledge, UploadedSource,
    collections::collection,
    upload::{ingest_job, refuse_to_change},
};
use crate::{Error, ErrorKind, Idempotent, Outcome, Result, audit::Act, unit_of_work::Uow};

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
        let read = async |tx: &Uow| {
            let source = tx.sources().get(id).await?.ok_or_else(|| Error::not_found("source", id.0))?;
            let version = tx.sources().latest_version(id).await?;
            let progress = progress_of(&source, tx.jobs().find_by_source(id).await?.as_ref());
            let around = collection(tx, source.collection_id).await?;
            Ok((SourceView { source, version, progress }, around))
        };
        let (view, around) = self.app.query(actor, Permission::KnowledgeRead, read).await?;
        self.note_reading(actor, &around).await?;
        Ok(view)
    }

    /// Sources of a collection, newest first.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn sources(&self, actor: &Actor, id: CollectionId, page: PageRequest) -> Result<Page<Source>> {
        let read = async |tx: &Uow| Ok((collection(tx, id).await?, tx.sources().list(id, page).await?));
        let (around, sources) = self.app.query(actor, Permission::KnowledgeRead, read).await?;
        self.note_reading(actor, &around).await?;
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
        let work = move |tx: Uow| async move {
            let found = tx.sources().get(id).await?;
            let source = found.ok_or_else(|| Error::not_found("source", id.0))?;
            if let Some(by) = tx.by() {
                refuse_to_change(by, source.user_id)?;
            }
            let version = failed_version(&tx, &source).await?;
            // Caused by who asks for it, who need not be the one that uploaded the file.
            let by = tx.by().and_then(Actor::owner);
            let job =
                Job { user_id: by, ..ingest_job(JobId(tx.app().parts.ids.random()), &source, version.id, tx.now()) };
            tx.jobs().enqueue(&job).await.map_err(|error| taken(error.into()))?;
            tx.wake(Topic::Jobs);
            let act = Act::on("source_retried", "source", id.0);
            Ok((UploadedSource { source, job_id: job.id }, act))
        };
        self.app.change(actor, Permission::KnowledgeWrite, idempotent, work).await
    }
}

async fn failed_version(tx: &Uow, source: &Source) -> Result<SourceVersion> {
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
