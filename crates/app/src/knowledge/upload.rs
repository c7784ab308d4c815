//! Upload a source: streamed to the object store while it is hashed; its job is queued with its row.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::{Bytes, BytesMut};
use domain::{
    access::{Actor, Permission},
    admin::{Job, JobKind, JobState},
    error::ValueError,
    gateways::{BlobError, BlobKey, ByteStream, ParseError, ParseErrorKind, Topic},
    ids::{CollectionId, JobId, SourceId, SourceVersionId, TenantId},
    knowledge::{Collection, ProcessingStatus, Source, SourceVersion},
    text,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Knowledge;
use crate::{Error, ErrorKind, Idempotent, Outcome, Result, audit::Act};

/// Bytes from which the type of a file is told.
const HEAD_BYTES: usize = 8 * 1024;
/// Most characters of a file name that is kept.
const MAX_FILENAME_CHARS: usize = 255;

/// A file to be uploaded.
pub struct NewSource {
    /// The file name as the client gave it: data, never a path.
    pub filename: String,
    /// The bytes as they come.
    pub content: ByteStream,
}

/// What a caller says about a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceDescription {
    /// Its name for people; by default the file name.
    pub name: Option<String>,
    /// The caller's own, a JSON object.
    pub metadata: Option<Value>,
}

/// A file that is stored but belongs to no source yet. If it never does, the sweep removes it.
pub struct StagedFile {
    collection: Collection,
    filename: String,
    stored: Stored,
}

/// A source that waits for its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedSource {
    /// The source.
    pub source: Source,
    /// The job that makes it searchable.
    pub job_id: JobId,
}

/// What became known of a file while it was stored.
struct Stored {
    key: BlobKey,
    size_bytes: u64,
    content_hash: String,
    mime_type: &'static str,
}

impl Knowledge {
    /// Stores a file for a collection as it streams in. A client that goes away leaves nothing.
    ///
    /// # Errors
    /// `not_found` for a collection that the actor may not change; `unsupported_media_type`;
    /// `too_large`; `upload_incomplete`.
    pub async fn stage(&self, actor: &Actor, collection: CollectionId, new: NewSource) -> Result<StagedFile> {
        let scope = self.app.parts.policy.allow(actor, Permission::KnowledgeWrite)?;
        let filename = filename_of(&new.filename)?;
        let tx = self.app.read(&scope).await?;
        let found = tx.collections().get(collection).await?;
        tx.commit().await?;
        let collection = found.ok_or_else(|| Error::not_found("collection", collection.0))?;
        let stored = self.store(collection.tenant_id, &filename, new.content).await?;
        Ok(StagedFile { collection, filename, stored })
    }

    /// Makes a staged file a source, and queues the job that makes it searchable.
    ///
    /// # Errors
    /// `invalid`; `source_exists` when the collection holds the same content.
    pub async fn add_source(
        &self,
        actor: &Actor,
        staged: StagedFile,
        description: SourceDescription,
        idempotent: Option<Idempotent<UploadedSource>>,
    ) -> Result<Outcome<UploadedSource>> {
        let scope = self.app.parts.policy.allow(actor, Permission::KnowledgeWrite)?;
        let StagedFile { collection, filename, stored } = staged;
        let name = description.name.as_deref().map(|name| text::name("name", name)).transpose()?;
        let metadata = description.metadata.unwrap_or_else(|| json!({}));
        text::metadata("metadata", &metadata)?;
        let this = self.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let key = stored.key.clone();
                let name = name.unwrap_or_else(|| filename.clone());
                let (source, version, job) = this.rows(&actor, &collection, filename, name, metadata, stored);
                let (app, actor, source, version, job) = (&this.app, &actor, &source, &version, &job);
                let idempotent = idempotent.map(|request| keyed_by_content(request, source));
                let outcome = app
                    .effect(actor, &scope, idempotent.as_ref(), |tx| async move {
                        if let Some(same) =
                            tx.sources().find_by_hash(source.collection_id, &source.content_hash).await?
                        {
                            return Err(exists(&same));
                        }
                        tx.sources().insert(source).await?;
                        tx.sources().insert_version(version).await?;
                        tx.jobs().enqueue(job).await?;
                        let after = json!({ "filename": source.filename, "size_bytes": source.size_bytes });
                        let act = Act::on("source_uploaded", "source", source.id.0).now(after);
                        app.audit(tx.as_ref(), actor, act).await?;
                        Ok((UploadedSource { source: source.clone(), job_id: job.id }, tx))
                    })
                    .await;
                match &outcome {
                    Ok(Outcome::Done(_)) => app.parts.wakeups.send(Topic::Jobs).await,
                    // The row may be there all the same; if not, the sweep removes the file.
                    Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Internal) => {}
                    // No row names the file.
                    Ok(Outcome::Replayed(_)) | Err(_) => {
                        if let Err(error) = app.parts.blobs.remove(&key).await {
                            tracing::warn!(error = ?error, "an unused file stays until the sweep");
                        }
                    }
                }
                outcome.map_err(|error| {
                    if error.is_conflict_on("content_hash") {
                        let message = "the collection holds this file already";
                        Error::new(ErrorKind::Conflict, "source_exists", message).because(error)
                    } else {
                        error
                    }
                })
            })
            .await
    }

    /// Streams the content to the object store, hashing and bounding it on the way.
    async fn store(&self, tenant_id: TenantId, filename: &str, mut content: ByteStream) -> Result<Stored> {
        let mut head = BytesMut::new();
        while head.len() < HEAD_BYTES {
            match content.try_next().await? {
                Some(piece) => head.extend_from_slice(&piece),
                None => break,
            }
        }
        let head = head.freeze();
        if head.is_empty() {
            return Err(ValueError::new("file", "empty", "is empty; send a file with something in it").into());
        }
        let sniffed = head.slice(..head.len().min(HEAD_BYTES));
        let mime_type = self.app.parts.parser.detect(&sniffed, filename).map_err(unsupported)?;
        let key = BlobKey::new(tenant_id, self.app.parts.ids.random());
        let limit = self.app.parts.settings.max_upload_bytes;
        let hasher = Arc::new(Mutex::new(Sha256::new()));
        let too_large = Arc::new(AtomicBool::new(false));
        let hashed = {
            let (hasher, too_large) = (Arc::clone(&hasher), Arc::clone(&too_large));
            let mut seen = 0u64;
            stream::once(async move { Ok(head) }).chain(content).map(move |piece: Result<Bytes, BlobError>| {
                let piece = piece?;
                seen += piece.len() as u64;
                if seen > limit {
                    too_large.store(true, Ordering::Relaxed);
                    return Err(BlobError::Source("the file is over the limit".into()));
                }
                hasher.lock().unwrap_or_else(PoisonError::into_inner).update(&piece);
                Ok(piece)
            })
        };
        let stored = self.app.parts.blobs.put(&key, hashed.boxed()).await;
        if too_large.load(Ordering::Relaxed) {
            let message =
                format!("the file has more than {limit} bytes; split it, or raise BANYAN_LIMITS__UPLOAD_BYTES");
            return Err(Error::new(ErrorKind::TooLarge, "too_large", message));
        }
        let size_bytes = stored?;
        let digest = hasher.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize();
        let content_hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Stored { key, size_bytes, content_hash, mime_type })
    }

    fn rows(
        &self,
        actor: &Actor,
        collection: &Collection,
        filename: String,
        name: String,
        metadata: Value,
        stored: Stored,
    ) -> (Source, SourceVersion, Job) {
        let now = self.app.now();
        let ids = &self.app.parts.ids;
        let source = Source {
            id: SourceId(ids.random()),
            tenant_id: collection.tenant_id,
            collection_id: collection.id,
            user_id: actor.owner(),
            name,
            visibility: None,
            filename,
            storage_key: stored.key,
            storage_type: self.app.parts.blobs.storage_type().to_owned(),
            mime_type: stored.mime_type.to_owned(),
            size_bytes: stored.size_bytes,
            content_hash: stored.content_hash.clone(),
            status: ProcessingStatus::Uploaded,
            error: None,
            processed_at: None,
            current_version_id: None,
            metadata,
            created_at: now,
            updated_at: now,
        };
        let version = SourceVersion {
            id: SourceVersionId(ids.random()),
            tenant_id: source.tenant_id,
            source_id: source.id,
            collection_id: collection.id,
            version: 1,
            status: ProcessingStatus::Uploaded,
            error: None,
            content_hash: stored.content_hash,
            text_storage_key: None,
            character_count: 0,
            page_count: None,
            chunking: collection.chunking,
            chunk_count: 0,
            embedding_model: None,
            embedding_dimension: None,
            published_at: None,
            created_at: now,
            updated_at: now,
        };
        let job = ingest_job(JobId(ids.random()), &source, version.id, now);
        (source, version, job)
    }
}

/// The job that turns a version into searchable chunks.
pub(super) fn ingest_job(id: JobId, source: &Source, version: SourceVersionId, now: domain::clock::Timestamp) -> Job {
    Job {
        id,
        tenant_id: source.tenant_id,
        user_id: source.user_id,
        kind: JobKind::Ingest { source_id: source.id, source_version_id: version },
        state: JobState::Queued,
        step: None,
        progress_done: 0,
        progress_total: 0,
        attempts: 0,
        fence: 0,
        lease_expires_at: None,
        run_at: now,
        error: None,
        created_at: now,
        updated_at: now,
    }
}

/// The last part of what the client called the file, without control characters.
fn filename_of(given: &str) -> Result<String, ValueError> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).take(MAX_FILENAME_CHARS).collect();
    let clean = clean.trim();
    if clean.is_empty() || clean == "." || clean == ".." {
        return Err(ValueError::new("file", "no_filename", "needs a file name, such as 'guide.md'"));
    }
    Ok(clean.to_owned())
}

fn keyed_by_content(request: Idempotent<UploadedSource>, source: &Source) -> Idempotent<UploadedSource> {
    let fingerprint = format!("{} {} {} {}", request.fingerprint, source.content_hash, source.filename, source.name);
    let digest = Sha256::digest(fingerprint.as_bytes());
    Idempotent { fingerprint: digest.iter().map(|byte| format!("{byte:02x}")).collect(), ..request }
}

fn exists(same: &Source) -> Error {
    let message = "the collection holds this file already";
    Error::new(ErrorKind::Conflict, "source_exists", message).with_details(json!({ "source_id": same.id }))
}

fn unsupported(error: ParseError) -> Error {
    let kind = match error.kind {
        ParseErrorKind::Unsupported => ErrorKind::UnsupportedMediaType,
        ParseErrorKind::TooLarge => ErrorKind::TooLarge,
        ParseErrorKind::Encrypted | ParseErrorKind::Broken | ParseErrorKind::NoText | ParseErrorKind::Failed => {
            ErrorKind::Invalid
        }
    };
    let code = if kind == ErrorKind::UnsupportedMediaType { "unsupported_media_type" } else { "unreadable_file" };
    Error::new(kind, code, error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_data_and_never_paths() {
        let names = [
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\a.md", "a.md"),
            ("a\"\r\nSet-Cookie: x.md", "a\"Set-Cookie: x.md"),
            ("..%2f..%2fx", "..%2f..%2fx"),
        ];
        for (given, kept) in names {
            assert_eq!(filename_of(given).unwrap(), kept);
        }
        for given in ["", "..", "a/", "/", "\0", ".", "x/.."] {
            assert!(filename_of(given).is_err(), "{given:?}");
        }
        assert_eq!(filename_of(&"x".repeat(4096)).unwrap().len(), MAX_FILENAME_CHARS);
    }
}
