//! Upload a source: streamed to the object store while it is hashed; its job is queued with its row.

use std::sync::Arc;

use domain::{
    access::{Actor, Permission, Scope},
    admin::{Job, JobKind, JobState},
    clock::Timestamp,
    error::ValueError,
    gateways::{ByteStream, Topic},
    ids::{CollectionId, JobId, SourceId, SourceVersionId, UserId},
    knowledge::{Collection, ProcessingStatus, Source, SourceVersion},
    text,
    usage::QuotaKind,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use self::staged::StagedFile;
use self::{staged::Unclaimed, stored::Stored};
use super::Knowledge;
use crate::{Error, ErrorKind, Idempotent, Outcome, Result, audit::Act, unit_of_work::Uow};

mod staged;
mod stored;

/// Most characters of a file name that is kept.
const MAX_FILENAME_CHARS: usize = 255;

/// A file to be uploaded.
pub struct NewSource {
    /// The file name as the client gave it: data, never a path.
    pub filename: String,
    /// The bytes as they come.
    pub content: ByteStream,
    /// The request has an idempotency key, so it may be one that was answered before: whether there is room for the
    /// file is asked when that is known.
    pub may_be_repeated: bool,
}

/// What a caller says about a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceDescription {
    /// Its name for people; by default the file name.
    pub name: Option<String>,
    /// The caller's own, a JSON object.
    pub metadata: Option<Value>,
}

/// A source that waits for its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadedSource {
    /// The source.
    pub source: Source,
    /// The job that makes it searchable.
    pub job_id: JobId,
}

/// The rows of a source, with the job that makes it searchable.
struct Rows {
    source: Source,
    version: SourceVersion,
    job: Job,
}

impl Knowledge {
    /// Stores a file for a collection as it streams in. A client that goes away leaves nothing.
    ///
    /// # Errors
    /// `not_found` for a collection that the actor may not change; `unsupported_media_type`;
    /// `too_large`; `quota_exceeded`; `upload_incomplete`.
    pub async fn stage(&self, actor: &Actor, collection: CollectionId, new: NewSource) -> Result<StagedFile> {
        let scope = self.app.allow(actor, Permission::KnowledgeWrite)?;
        let filename = filename_of(&new.filename)?;
        let find = async |tx: &Uow| {
            let found = tx.collections().get(collection).await?;
            let found = found.ok_or_else(|| Error::not_found("collection", collection.0))?;
            refuse_to_change(actor, found.user_id)?;
            let room = match new.may_be_repeated {
                true => None,
                false => Some(self.app.room_for_file(tx, actor.owner()).await?),
            };
            Ok((found, room))
        };
        let (collection, room) = self.app.query_in(&scope, find).await?;
        let stored = self.store(collection.tenant_id, &filename, new.content, room).await?;
        let unclaimed = Unclaimed::new(self.app.clone(), stored.key.clone());
        Ok(StagedFile { collection, filename, stored, unclaimed })
    }

    /// Makes a staged file a source, and queues the job that makes it searchable. Refused, the file is removed.
    ///
    /// # Errors
    /// `invalid`; `source_exists` when the collection holds the same content; `quota_exceeded`.
    pub async fn add_source(
        &self,
        actor: &Actor,
        staged: StagedFile,
        description: SourceDescription,
        idempotent: Option<Idempotent<UploadedSource>>,
    ) -> Result<Outcome<UploadedSource>> {
        let scope = self.app.allow(actor, Permission::KnowledgeWrite)?;
        let StagedFile { collection, filename, stored, unclaimed } = staged;
        let (name, metadata) = match described(description, &filename) {
            Ok(described) => described,
            Err(error) => {
                unclaimed.remove().await;
                return Err(error.into());
            }
        };
        let rows = self.rows(actor, &collection, filename, name, metadata, stored);
        let idempotent = idempotent.map(|request| keyed_by_content(request, &rows.source));
        let (this, actor) = (self.clone(), Arc::new(actor.clone()));
        let add = async move { this.add_attached(&actor, &scope, &rows, unclaimed, idempotent.as_ref()).await };
        self.app.detached(add).await
    }

    async fn add_attached(
        &self,
        actor: &Arc<Actor>,
        scope: &Scope,
        rows: &Rows,
        unclaimed: Unclaimed,
        idempotent: Option<&Idempotent<UploadedSource>>,
    ) -> Result<Outcome<UploadedSource>> {
        let Rows { source, version, job } = rows;
        let work = |tx: Uow| async move {
            if let Some(same) = tx.sources().find_by_hash(source.collection_id, &source.content_hash).await? {
                return Err(exists(&same));
            }
            let app = tx.app();
            app.need_room(&tx, QuotaKind::FileBytes, source.user_id, source.size_bytes).await?;
            app.need_room(&tx, QuotaKind::Files, source.user_id, 1).await?;
            tx.sources().insert(source).await?;
            tx.sources().insert_version(version).await?;
            tx.jobs().enqueue(job).await?;
            tx.wake(Topic::Jobs);
            let after = json!({ "filename": source.filename, "size_bytes": source.size_bytes });
            let act = Act::on("source_uploaded", "source", source.id.0).now(after);
            Ok((UploadedSource { source: source.clone(), job_id: job.id }, act))
        };
        let outcome = self.app.change_once(actor, scope, idempotent, work).await;
        match &outcome {
            Ok(Outcome::Done(_)) => unclaimed.claim(),
            // The row may be there all the same; if not, the sweep removes the file.
            Err(error) if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Internal) => unclaimed.claim(),
            Ok(Outcome::Replayed(_)) | Err(_) => unclaimed.remove().await,
        }
        outcome.map_err(|error| error.taken("content_hash", "source_exists", "the collection holds this file already"))
    }

    /// The rows of a source, not stored yet.
    fn rows(
        &self,
        actor: &Actor,
        collection: &Collection,
        filename: String,
        name: String,
        metadata: Value,
        stored: Stored,
    ) -> Rows {
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
            charset: None,
            chunking: collection.chunking,
            chunk_count: 0,
            embedding_model: None,
            embedding_dimension: None,
            published_at: None,
            created_at: now,
            updated_at: now,
        };
        let job = ingest_job(JobId(ids.random()), &source, version.id, now);
        Rows { source, version, job }
    }
}

/// The job that turns a version into searchable chunks.
pub(super) fn ingest_job(id: JobId, source: &Source, version: SourceVersionId, now: Timestamp) -> Job {
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

/// The name and metadata of a file that is described so.
fn described(description: SourceDescription, filename: &str) -> Result<(String, Value), ValueError> {
    let name = description.name.as_deref().map(|name| text::name("name", name)).transpose()?;
    let metadata = description.metadata.unwrap_or_else(|| json!({}));
    text::metadata("metadata", &metadata)?;
    Ok((name.unwrap_or_else(|| filename.to_owned()), metadata))
}

/// Refuses a superadmin what is a person's.
///
/// # Errors
/// `not_yours_to_change`.
pub(super) fn refuse_to_change(actor: &Actor, owner: Option<UserId>) -> Result<()> {
    if actor.may_change_of(owner) {
        return Ok(());
    }
    let message = "this belongs to a person; who enters a tenant reads it and does not write into it";
    Err(Error::new(ErrorKind::Forbidden, "not_yours_to_change", message))
}

/// The last part of what the client called the file, without control characters.
fn filename_of(given: &str) -> Result<String, ValueError> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = text::visible(last).chars().filter(|c| !c.is_control()).take(MAX_FILENAME_CHARS).collect();
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
