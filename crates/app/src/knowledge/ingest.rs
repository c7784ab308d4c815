//! Ingestion, step by step. Each step commits its output under the job's fence, so that a worker
//! killed at any point is followed by one that goes on where it was.

use std::future::Future;

use bytes::{Bytes, BytesMut};
use domain::{
    access::Scope,
    admin::{Job, JobLease},
    gateways::{BlobKey, ParsedDocument},
    ids::{ChunkId, SourceId, SourceVersionId},
    knowledge::{
        Chunk, ProcessingStatus, Source, SourceVersion, VersionProgress,
        chunking::{self, ChunkDraft},
    },
};
use futures::{StreamExt, TryStreamExt, stream};

use crate::{App, Error, Result, audit::Act, unit_of_work::Uow};

mod embed;

/// Most bytes of a parsed document as JSON.
const MAX_PARSED_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of a text whose file is not parsed twice, should cutting it fail.
const LARGE_TEXT_BYTES: usize = 64 * 1024;
/// Chunks written in one statement.
const CHUNK_BATCH: usize = 200;
/// Window of chunks when no embedder sets one, in tokens.
const LEXICAL_WINDOW: u32 = u32::MAX;

/// Bytes from the middle of a document by which it is judged whether the model knows its words.
const SAMPLE_BYTES: usize = 4_096;
/// How well the model must know them.
const MIN_FAMILIARITY: f64 = 0.5;

/// Why a try ended.
pub(super) enum StepError {
    /// Trying again is of no use; the sentence says what to do.
    Permanent(String),
    /// May go well another time.
    Transient(Error),
}

impl<E: Into<Error>> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::Transient(error.into())
    }
}

/// One try of an ingestion.
pub(super) struct Ingest<'a> {
    app: &'a App,
    job: &'a Job,
    lease: JobLease,
    source_id: SourceId,
    version_id: SourceVersionId,
    scope: Scope,
}

impl<'a> Ingest<'a> {
    pub(super) fn new(
        app: &'a App,
        job: &'a Job,
        lease: JobLease,
        source_id: SourceId,
        version_id: SourceVersionId,
    ) -> Self {
        // The tenant is the job row's, whatever the payload says.
        Self { app, job, lease, source_id, version_id, scope: Scope::system_in(job.tenant_id) }
    }

    /// Runs the steps that are left.
    pub(super) async fn run(&self) -> Result<(), StepError> {
        let (source, mut version) = self.begin().await?;
        if version.status == ProcessingStatus::Processed {
            // The worker before died between publishing and ending its job.
            return self.finish().await;
        }
        let cut = if version.chunk_count == 0 {
            let document = self.parse(&source, &mut version).await?;
            Some(self.cut(&mut version, &document).await?)
        } else {
            None
        };
        match &self.app.parts.embedder {
            Some(embedder) => self.embed(version, embedder, cut).await,
            None => self.publish(&version).await,
        }
    }

    /// Marks source and version as being worked on.
    async fn begin(&self) -> Result<(Source, SourceVersion), StepError> {
        let begun = &VersionProgress { status: Some(ProcessingStatus::Processing), error: None, at: self.app.now() };
        let work = |tx: Uow| async move {
            let source = tx.sources().get(self.source_id).await?;
            let version = tx.sources().version(self.version_id).await?;
            let (Some(source), Some(version)) = (source, version) else { return Ok(None) };
            if version.status.may_become(ProcessingStatus::Processing) {
                tx.sources().set_version_status(version.id, begun).await?;
            }
            if source.status.may_become(ProcessingStatus::Processing) {
                tx.sources().set_status(source.id, begun).await?;
            }
            tx.jobs().record_progress(self.lease, "parse", 0, 1).await?;
            Ok(Some((source, version)))
        };
        let found = self.step(work).await?;
        found.ok_or_else(|| StepError::Permanent("the source was deleted".to_owned()))
    }

    /// The parsed document: the one that an earlier try kept, or a new one, which is kept at once where it is
    /// large, else with its chunks.
    async fn parse(&self, source: &Source, version: &mut SourceVersion) -> Result<ParsedDocument, StepError> {
        if let Some(key) = &version.text_storage_key
            && let Some(document) = self.kept_document(key).await?
        {
            return Ok(document);
        }
        let blobs = &self.app.parts.blobs;
        let content = blobs.get(&source.storage_key).await?;
        let parsed = self.app.parts.parser.parse(&source.mime_type, content).await;
        let document = parsed.map_err(|error| StepError::Permanent(error.message))?;
        let json = document.to_stored().map_err(Error::internal)?;
        let key = BlobKey::new(source.tenant_id, self.app.parts.ids.random());
        blobs.put(&key, stream::once(async move { Ok(Bytes::from(json)) }).boxed()).await?;
        version.text_storage_key = Some(key);
        version.character_count = document.text.chars().count() as u64;
        version.page_count = document.page_count;
        version.charset.clone_from(&document.charset);
        if document.text.len() >= LARGE_TEXT_BYTES {
            let version = &*version;
            let work = |tx: Uow| async move {
                tx.sources().update_version(version).await?;
                Ok(tx.jobs().record_progress(self.lease, "chunk", 0, 1).await?)
            };
            self.step(work).await?;
        }
        Ok(document)
    }

    /// The document of an earlier try, unless this program cannot read it (a newer one may have written
    /// it): the file itself is there to be parsed again, and the sweep takes what no row names then.
    async fn kept_document(&self, key: &BlobKey) -> Result<Option<ParsedDocument>, StepError> {
        let mut bytes = BytesMut::new();
        let mut content = self.app.parts.blobs.get(key).await?;
        while let Some(piece) = content.try_next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > MAX_PARSED_BYTES {
                return Err(StepError::Permanent("the extracted text is too large; split the file".to_owned()));
            }
        }
        match ParsedDocument::from_stored(&bytes) {
            Ok(document) => Ok(Some(document)),
            Err(error) => {
                let source = self.source_id;
                tracing::warn!(%source, %error, "an extracted text is not readable; its file is parsed again");
                Ok(None)
            }
        }
    }

    /// Cuts the document and commits its chunks, with where its text lies.
    async fn cut(&self, version: &mut SourceVersion, document: &ParsedDocument) -> Result<Vec<Chunk>, StepError> {
        let chunks = self.chunks(version, document).await?;
        version.chunk_count = chunks.len() as u64;
        let (version, rows) = (&*version, &chunks);
        let work = |tx: Uow| async move {
            for batch in rows.chunks(CHUNK_BATCH) {
                tx.chunks().insert(batch).await?;
            }
            tx.sources().update_version(version).await?;
            Ok(tx.jobs().record_progress(self.lease, "embed", 0, version.chunk_count).await?)
        };
        self.step(work).await?;
        Ok(chunks)
    }

    /// The document in chunks that fit the embedder's window. One in words that the model does not know is cut as if
    /// there were no model, and embedded window by window: its tokens are mostly letters, and by their number chunks
    /// would hold a few words each, too few to be found by or to answer with.
    async fn chunks(&self, version: &SourceVersion, document: &ParsedDocument) -> Result<Vec<Chunk>, StepError> {
        let embedder = self.app.parts.embedder.clone();
        let settings = version.chunking;
        let text = document.clone();
        let drafts = tokio::task::spawn_blocking(move || {
            let sample = text.text.len() / 2;
            let sample = text.text.floor_char_boundary(sample.saturating_sub(SAMPLE_BYTES / 2))
                ..text.text.floor_char_boundary(sample + SAMPLE_BYTES / 2);
            let embedder = embedder.filter(|embedder| embedder.familiarity(&text.text[sample]) >= MIN_FAMILIARITY);
            let window = embedder.as_ref().map_or(LEXICAL_WINDOW, |embedder| embedder.model().max_tokens);
            let count = |text: &str| match &embedder {
                Some(embedder) => embedder.count_tokens(text),
                None => u32::try_from(domain::usage::estimate::tokens_of(text)).unwrap_or(u32::MAX),
            };
            chunking::chunk(&text, &settings, window, &count)
        })
        .await
        .map_err(Error::internal)?;
        if drafts.is_empty() {
            return Err(StepError::Permanent("the file holds no text that can be searched".to_owned()));
        }
        let now = self.app.now();
        let chunk = |(ordinal, draft): (u32, ChunkDraft)| Chunk {
            id: ChunkId(self.app.parts.ids.random()),
            tenant_id: version.tenant_id,
            collection_id: version.collection_id,
            source_id: version.source_id,
            source_version_id: version.id,
            ordinal,
            content: draft.content,
            heading_path: draft.heading_path,
            page: draft.page,
            start: draft.start,
            end: draft.end,
            token_count: draft.token_count,
            created_at: now,
        };
        Ok((0..).zip(drafts).map(chunk).collect())
    }

    /// Publishes a version in a transaction of its own.
    async fn publish(&self, version: &SourceVersion) -> Result<(), StepError> {
        let work = |tx: Uow| async move {
            tx.jobs().hold(self.lease).await?;
            Ok(((), self.publish_in(&tx, version).await?))
        };
        Ok(self.app.change_in(&self.scope, None, work).await?)
    }

    /// Flips the source to the new version and ends the job.
    async fn publish_in(&self, tx: &Uow, version: &SourceVersion) -> Result<Act> {
        let now = tx.now();
        let processed = &VersionProgress { status: Some(ProcessingStatus::Processed), error: None, at: now };
        let previous = tx.sources().publish(self.source_id, version.id, now).await?;
        tx.chunk_index().publish(self.source_id, version.id, previous).await?;
        let before = match previous {
            Some(previous) => tx.chunks().count(previous).await?,
            None => 0,
        };
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let added = signed(version.chunk_count) - signed(before);
        tx.collections().record_change(version.collection_id, added).await?;
        tx.sources().set_version_status(version.id, processed).await?;
        if previous.is_none() {
            tx.sources().set_status(self.source_id, processed).await?;
        }
        tx.jobs().finish(self.lease, now).await?;
        Ok(Act::on("source_published", "source", self.source_id.0))
    }

    async fn finish(&self) -> Result<(), StepError> {
        Ok(self.step(|tx| async move { Ok(tx.jobs().finish(self.lease, tx.now()).await?) }).await?)
    }

    /// A unit of work that only the job's holder commits.
    // The job's row is locked under the fence of this lease before anything else, and stays so until
    // the commit. A worker whose lease has run out, because it was slow or cut off, is refused here
    // once another has claimed the job, and that one cannot claim it in the middle of this commit. So
    // of two workers that believe to have the job one writes.
    async fn step<T, F: Future<Output = Result<T>>>(&self, work: impl Fn(Uow) -> F) -> Result<T> {
        let work = &work;
        let held = |tx: Uow| async move {
            tx.jobs().hold(self.lease).await?;
            work(tx).await
        };
        self.app.unaudited(&self.scope, "a step of a job whose end is audited", held).await
    }
}
