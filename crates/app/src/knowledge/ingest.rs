//! Ingestion, step by step. Each step commits its output under the job's fence, so that a worker
//! killed at any point is followed by one that goes on where it was.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use domain::{
    access::Scope,
    admin::{Job, JobLease},
    gateways::{BlobKey, Embedder, EmbeddingInput, EmbeddingPurpose, IndexEntry, ParsedDocument},
    ids::{ChunkId, SourceId, SourceVersionId},
    knowledge::{Chunk, ProcessingStatus, Source, SourceVersion, VersionProgress, chunking},
    store::Tx,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::embed::Payer;
use crate::{App, Error, Result, audit::Act};

/// Most bytes of a parsed document as JSON.
const MAX_PARSED_BYTES: usize = 256 * 1024 * 1024;
/// Chunks written in one statement.
const CHUNK_BATCH: usize = 200;
/// Window of chunks when no embedder sets one, in tokens.
const LEXICAL_WINDOW: u32 = u32::MAX;

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
        if version.chunk_count == 0 {
            let document = self.parse(&source, &mut version).await?;
            self.cut(&mut version, &document).await?;
        }
        if let Some(embedder) = &self.app.parts.embedder {
            self.embed(&mut version, embedder).await?;
        }
        self.publish(&version).await
    }

    /// Marks source and version as being worked on.
    async fn begin(&self) -> Result<(Source, SourceVersion), StepError> {
        let now = self.app.now();
        let tx = self.held().await?;
        let source = tx.sources().get(self.source_id).await?;
        let version = tx.sources().version(self.version_id).await?;
        let (Some(source), Some(version)) = (source, version) else {
            return Err(StepError::Permanent("the source was deleted".to_owned()));
        };
        let begun = VersionProgress { status: Some(ProcessingStatus::Processing), error: None, at: now };
        if version.status.may_become(ProcessingStatus::Processing) {
            tx.sources().set_version_status(version.id, &begun).await?;
        }
        if source.status.may_become(ProcessingStatus::Processing) {
            tx.sources().set_status(source.id, &begun).await?;
        }
        tx.jobs().record_progress(self.lease, "parse", 0, 1).await?;
        tx.commit().await?;
        Ok((source, version))
    }

    /// The parsed document: the one that an earlier try kept, or a new one, which it keeps.
    async fn parse(&self, source: &Source, version: &mut SourceVersion) -> Result<ParsedDocument, StepError> {
        let blobs = &self.app.parts.blobs;
        if let Some(key) = &version.text_storage_key
            && let Some(document) = self.kept(key).await?
        {
            return Ok(document);
        }
        let content = blobs.get(&source.storage_key).await?;
        let parsed = self.app.parts.parser.parse(&source.mime_type, content).await;
        let document = parsed.map_err(|error| StepError::Permanent(error.message))?;
        let json = document.to_stored().map_err(Error::internal)?;
        let key = BlobKey::new(source.tenant_id, self.app.parts.ids.random());
        blobs.put(&key, stream::once(async move { Ok(Bytes::from(json)) }).boxed()).await?;
        version.text_storage_key = Some(key);
        version.character_count = document.text.chars().count() as u64;
        version.page_count = document.page_count;
        let tx = self.held().await?;
        tx.sources().update_version(version).await?;
        tx.jobs().record_progress(self.lease, "chunk", 0, 1).await?;
        tx.commit().await?;
        Ok(document)
    }

    /// The document of an earlier try, unless this program cannot read it (a newer one may have written
    /// it): the file itself is there to be parsed again, and the sweep takes what no row names then.
    async fn kept(&self, key: &BlobKey) -> Result<Option<ParsedDocument>, StepError> {
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
                tracing::warn!(source = %self.source_id, error = %error, "an extracted text is not readable; its file is parsed again");
                Ok(None)
            }
        }
    }

    /// Cuts the document and commits its chunks.
    async fn cut(&self, version: &mut SourceVersion, document: &ParsedDocument) -> Result<(), StepError> {
        let embedder = self.app.parts.embedder.clone();
        let window = match &embedder {
            Some(embedder) => embedder.model().max_tokens,
            None => LEXICAL_WINDOW,
        };
        let settings = version.chunking;
        let text = document.clone();
        let drafts = tokio::task::spawn_blocking(move || {
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
        let chunks: Vec<Chunk> = (0u32..)
            .zip(drafts)
            .map(|(ordinal, draft)| Chunk {
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
            })
            .collect();
        version.chunk_count = chunks.len() as u64;
        let tx = self.held().await?;
        for batch in chunks.chunks(CHUNK_BATCH) {
            tx.chunks().insert(batch).await?;
        }
        tx.sources().update_version(version).await?;
        tx.jobs().record_progress(self.lease, "embed", 0, version.chunk_count).await?;
        Ok(tx.commit().await?)
    }

    /// Embeds what has no vector yet, batch by batch, each committed with its account.
    async fn embed(&self, version: &mut SourceVersion, embedder: &Arc<dyn Embedder>) -> Result<(), StepError> {
        let name = embedder.model().full_name();
        let tx = self.held().await?;
        let mut done = tx.chunk_index().count(version.id, &name).await?;
        tx.commit().await?;
        let payer = Payer {
            tenant_id: self.job.tenant_id,
            user_id: self.job.user_id,
            api_key_id: None,
            conversation_id: None,
            message_id: None,
        };
        let batch = u32::try_from(embedder.max_batch()).unwrap_or(u32::MAX);
        while done < version.chunk_count {
            let tx = self.app.read(&self.scope).await?;
            let from = u32::try_from(done).unwrap_or(u32::MAX);
            let chunks = tx.chunks().of_version(version.id, from, batch).await?;
            tx.commit().await?;
            if chunks.is_empty() {
                return Err(Error::internal("the chunks of a version are not all there").into());
            }
            let texts = EmbeddingInput::Texts(chunks.iter().map(Chunk::embedded_text).collect());
            let (embeddings, spent) = self.app.embed(embedder, payer, &texts, EmbeddingPurpose::Document).await?;
            done += chunks.len() as u64;
            let dimension = embeddings.vectors.first().and_then(|vector| u32::try_from(vector.len()).ok());
            let entries: Vec<IndexEntry> = chunks
                .iter()
                .zip(embeddings.vectors)
                .map(|(chunk, vector)| IndexEntry {
                    chunk_id: chunk.id,
                    collection_id: chunk.collection_id,
                    source_id: chunk.source_id,
                    source_version_id: chunk.source_version_id,
                    model: name.clone(),
                    vector,
                })
                .collect();
            let tx = self.held().await?;
            if version.embedding_model.as_deref() != Some(name.as_str()) {
                version.embedding_model = Some(name.clone());
                version.embedding_dimension = dimension;
                tx.sources().update_version(version).await?;
            }
            tx.chunk_index().insert(&entries).await?;
            self.app.settle_call(tx.as_ref(), &spent).await?;
            tx.jobs().record_progress(self.lease, "embed", done, version.chunk_count).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Flips the source to the new version and ends the job, in one transaction.
    async fn publish(&self, version: &SourceVersion) -> Result<(), StepError> {
        let now = self.app.now();
        let tx = self.held().await?;
        let previous = tx.sources().publish(self.source_id, version.id, now).await?;
        tx.chunk_index().publish(self.source_id, version.id, previous).await?;
        let before = match previous {
            Some(previous) => tx.chunks().count(previous).await?,
            None => 0,
        };
        let added = i64::try_from(version.chunk_count).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX);
        tx.collections().record_change(version.collection_id, added).await?;
        let processed = VersionProgress { status: Some(ProcessingStatus::Processed), error: None, at: now };
        tx.sources().set_version_status(version.id, &processed).await?;
        if previous.is_none() {
            tx.sources().set_status(self.source_id, &processed).await?;
        }
        tx.jobs().finish(self.lease, now).await?;
        let act = Act::on("source_published", "source", self.source_id.0);
        self.app.audit_in(tx.as_ref(), Some(self.job.tenant_id), None, act).await?;
        Ok(tx.commit().await?)
    }

    async fn finish(&self) -> Result<(), StepError> {
        let tx = self.held().await?;
        tx.jobs().finish(self.lease, self.app.now()).await?;
        Ok(tx.commit().await?)
    }

    /// A unit of work that only the job's holder commits.
    async fn held(&self) -> Result<Box<dyn Tx>, StepError> {
        let tx = self.app.write(&self.scope).await?;
        tx.jobs().hold(self.lease).await?;
        Ok(tx)
    }
}
