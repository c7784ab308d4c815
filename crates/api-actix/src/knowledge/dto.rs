//! Shapes of knowledge on the wire.

use app::knowledge::{NewCollection, SearchRequest, SourceView, UploadedSource};
use chrono::{DateTime, Utc};
use domain::{
    conversations::event::RetrievedItem,
    error::ValueError,
    ids::CollectionId,
    knowledge::{Collection, CollectionVisibility, RetrievalMode, Source},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A collection to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCollectionRequest {
    name: String,
    description: Option<String>,
    /// The collection around it.
    parent_id: Option<Uuid>,
    /// `private` (the default) or `shared` with the tenant.
    visibility: Option<String>,
}

impl TryFrom<NewCollectionRequest> for NewCollection {
    type Error = ValueError;

    fn try_from(new: NewCollectionRequest) -> Result<Self, ValueError> {
        let NewCollectionRequest { name, description, parent_id, visibility } = new;
        let visibility = visibility.as_deref().map(CollectionVisibility::parse).transpose()?;
        Ok(Self { name, description, parent_id: parent_id.map(CollectionId), visibility })
    }
}

/// A collection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectionBody {
    id: Uuid,
    /// Its owner; null: the tenant.
    user_id: Option<Uuid>,
    parent_id: Option<Uuid>,
    name: String,
    description: Option<String>,
    visibility: &'static str,
    /// Passages that can be found in it.
    chunk_count: u64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&Collection> for CollectionBody {
    fn from(collection: &Collection) -> Self {
        Self {
            id: collection.id.0,
            user_id: collection.user_id.map(|id| id.0),
            parent_id: collection.parent_id.map(|id| id.0),
            name: collection.name.clone(),
            description: collection.description.clone(),
            visibility: collection.visibility.as_str(),
            chunk_count: collection.chunk_count,
            created_at: collection.created_at,
            updated_at: collection.updated_at,
        }
    }
}

/// A source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceBody {
    id: Uuid,
    collection_id: Uuid,
    /// Who uploaded it; null: the tenant.
    user_id: Option<Uuid>,
    name: String,
    filename: String,
    mime_type: String,
    size_bytes: u64,
    /// SHA-256 of the file.
    content_hash: String,
    /// `uploaded`, `processing`, `processed` or `error`.
    status: &'static str,
    /// Why it failed, and what to do.
    error: Option<String>,
    processed_at: Option<DateTime<Utc>>,
    metadata: serde_json::Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&Source> for SourceBody {
    fn from(source: &Source) -> Self {
        Self {
            id: source.id.0,
            collection_id: source.collection_id.0,
            user_id: source.user_id.map(|id| id.0),
            name: source.name.clone(),
            filename: source.filename.clone(),
            mime_type: source.mime_type.clone(),
            size_bytes: source.size_bytes,
            content_hash: source.content_hash.clone(),
            status: source.status.as_str(),
            error: source.error.clone(),
            processed_at: source.processed_at,
            metadata: source.metadata.clone(),
            created_at: source.created_at,
            updated_at: source.updated_at,
        }
    }
}

/// How far the work on a source is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProgressBody {
    /// `queued`, `parse`, `embed`, `publish`, `done` or `error`.
    step: String,
    /// Units of the step that are done.
    done: u64,
    /// Units of the step; 0 when unknown.
    total: u64,
}

/// A source with its progress and newest version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceDetail {
    #[serde(flatten)]
    source: SourceBody,
    progress: ProgressBody,
    /// The newest version's number.
    version: Option<i32>,
    chunk_count: Option<u64>,
    page_count: Option<u32>,
    /// Null: found by words only.
    embedding_model: Option<String>,
}

impl From<SourceView> for SourceDetail {
    fn from(view: SourceView) -> Self {
        let progress = ProgressBody { step: view.progress.step, done: view.progress.done, total: view.progress.total };
        let version = view.version;
        Self {
            source: SourceBody::from(&view.source),
            progress,
            chunk_count: version.as_ref().map(|version| version.chunk_count),
            page_count: version.as_ref().and_then(|version| version.page_count),
            embedding_model: version.as_ref().and_then(|version| version.embedding_model.clone()),
            version: version.map(|version| version.version),
        }
    }
}

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    id: Uuid,
}

/// A source that waits for its job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadBody {
    source: SourceBody,
    job: JobBody,
}

impl From<&UploadedSource> for UploadBody {
    fn from(uploaded: &UploadedSource) -> Self {
        Self { source: SourceBody::from(&uploaded.source), job: JobBody { id: uploaded.job_id.0 } }
    }
}

/// The form of an upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the multipart form in the OpenAPI document")]
pub(crate) struct UploadForm {
    /// The file: text, Markdown, HTML or PDF.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Its name for people; by default the file name.
    name: Option<String>,
    /// A JSON object of your own, at most 16 KiB.
    metadata: Option<String>,
}

/// A search.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchBody {
    query: String,
    /// Only in these collections and those below them; absent: all that you may read.
    collection_ids: Option<Vec<Uuid>>,
    /// Most passages, 1 to 50; 8 by default.
    #[schema(minimum = 1, maximum = 50)]
    limit: Option<u32>,
    /// `hybrid` (the default), `vector` or `lexical`.
    mode: Option<String>,
}

impl TryFrom<SearchBody> for SearchRequest {
    type Error = ValueError;

    fn try_from(body: SearchBody) -> Result<Self, ValueError> {
        let SearchBody { query, collection_ids, limit, mode } = body;
        let collections = collection_ids.map(|ids| ids.into_iter().map(CollectionId).collect());
        let mode = mode.as_deref().map_or(Ok(RetrievalMode::Hybrid), RetrievalMode::parse)?;
        Ok(Self { query, collections, limit, mode })
    }
}

/// A passage that was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PassageBody {
    chunk_id: Uuid,
    source_id: Uuid,
    filename: String,
    content: String,
    score: f64,
    /// The page, from 1, where the format has pages.
    page: Option<u32>,
    /// The headings above it.
    heading: Option<String>,
    /// First Unicode scalar value in the extracted text.
    start: u32,
    /// One past the last.
    end: u32,
}

impl From<&RetrievedItem> for PassageBody {
    fn from(item: &RetrievedItem) -> Self {
        Self {
            chunk_id: item.chunk_id.0,
            source_id: item.source_id.0,
            filename: item.filename.clone(),
            content: item.content.clone(),
            score: item.score,
            page: item.page,
            heading: item.heading.clone(),
            start: item.start,
            end: item.end,
        }
    }
}

/// What a search found, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchResultBody {
    pub(crate) items: Vec<PassageBody>,
    /// The parts used in fact: a hybrid search without an embedding model is lexical.
    pub(crate) mode: &'static str,
}
