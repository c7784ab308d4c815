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

use crate::{
    list::AtMost,
    openapi::values::{
        CollectionDescription, CollectionIds, CollectionVisibilityName, Name, NewCollectionVisibility, PassageLimit,
        QueryText, SearchMode, SourceStatus,
    },
    shape::response,
};

/// A collection to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "Handbook", "visibility": "shared" }))]
pub(crate) struct NewCollectionRequest {
    #[schema(value_type = Name)]
    name: String,
    #[schema(value_type = Option<CollectionDescription>)]
    description: Option<String>,
    /// The collection around it, which must not be seen by fewer.
    parent_id: Option<Uuid>,
    /// By default `private`.
    #[schema(value_type = Option<NewCollectionVisibility>)]
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

response! {
    /// A collection.
    CollectionBody of collection: &Collection {
        id: Uuid = collection.id.0,
        /// Its owner; null: the tenant.
        user_id: Option<Uuid> = collection.user_id.map(|id| id.0),
        parent_id: Option<Uuid> = collection.parent_id.map(|id| id.0),
        name: String = collection.name.clone(),
        description: Option<String> = collection.description.clone(),
        #[schema(value_type = CollectionVisibilityName)]
        visibility: &'static str = collection.visibility.as_str(),
        /// Passages that can be found in it.
        chunk_count: u64 = collection.chunk_count,
        created_at: DateTime<Utc> = collection.created_at,
        updated_at: DateTime<Utc> = collection.updated_at,
    }
}

response! {
    /// A source.
    SourceBody of source: &Source {
        id: Uuid = source.id.0,
        collection_id: Uuid = source.collection_id.0,
        /// Who uploaded it; null: the tenant.
        user_id: Option<Uuid> = source.user_id.map(|id| id.0),
        name: String = source.name.clone(),
        filename: String = source.filename.clone(),
        mime_type: String = source.mime_type.clone(),
        size_bytes: u64 = source.size_bytes,
        /// SHA-256 of the file.
        content_hash: String = source.content_hash.clone(),
        #[schema(value_type = SourceStatus)]
        status: &'static str = source.status.as_str(),
        /// Why it failed, and what to do.
        error: Option<String> = source.error.clone(),
        processed_at: Option<DateTime<Utc>> = source.processed_at,
        /// Your own.
        #[schema(value_type = Object, additional_properties = true)]
        metadata: serde_json::Value = source.metadata.clone(),
        created_at: DateTime<Utc> = source.created_at,
        updated_at: DateTime<Utc> = source.updated_at,
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
    /// The charset that the file was read in (`windows-1251`), told by the file or guessed. If it is the wrong one, upload the
    /// file as UTF-8. Null: not read yet, or no text.
    charset: Option<String>,
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
            charset: version.as_ref().and_then(|version| version.charset.clone()),
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
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the multipart form in the OpenAPI document")]
pub(crate) struct UploadForm {
    /// The file: text, Markdown, HTML or PDF.
    #[schema(value_type = String, format = Binary, min_length = 1)]
    file: Vec<u8>,
    /// Its name for people; by default the file name.
    #[schema(value_type = Option<Name>, nullable = false)]
    name: Option<String>,
    /// A JSON object of your own, at most 16 KiB.
    #[schema(value_type = Option<Object>, nullable = false)]
    metadata: Option<String>,
}

/// A search.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "query": "days of holiday" }))]
pub(crate) struct SearchBody {
    #[schema(value_type = QueryText)]
    query: String,
    /// Only in these collections and those below them; absent: all that you may read.
    #[schema(value_type = Option<CollectionIds>)]
    collection_ids: Option<AtMost<1_000, Uuid>>,
    #[schema(value_type = Option<PassageLimit>)]
    limit: Option<u32>,
    /// By default `hybrid`.
    #[schema(value_type = Option<SearchMode>)]
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

response! {
    /// A passage that was found.
    PassageBody of item: &RetrievedItem {
        chunk_id: Uuid = item.chunk_id.0,
        source_id: Uuid = item.source_id.0,
        filename: String = item.filename.clone(),
        content: String = item.content.clone(),
        score: f64 = item.score,
        /// The page, from 1, where the format has pages.
        page: Option<u32> = item.page,
        /// The headings above it.
        heading: Option<String> = item.heading.clone(),
        /// First Unicode scalar value in the extracted text.
        start: u32 = item.start,
        /// One past the last.
        end: u32 = item.end,
    }
}

/// What a search found, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchResultBody {
    pub(crate) items: Vec<PassageBody>,
    /// What was used in fact: a hybrid search without an embedding model is lexical.
    #[schema(value_type = SearchMode)]
    pub(crate) mode: &'static str,
}

#[cfg(test)]
mod tests {
    use super::SearchBody;
    use crate::body::parse;

    #[test]
    fn a_limit_is_a_whole_number_however_it_is_written() {
        let read = |limit: &str| parse::<SearchBody>(format!(r#"{{"query":"x","limit":{limit}}}"#).as_bytes());
        for (limit, expected) in [("null", None), ("8", Some(8)), ("8.0", Some(8)), ("4294967295", Some(u32::MAX))] {
            assert_eq!(read(limit).unwrap().limit, expected, "{limit}");
        }
        let number = "limit must be a whole number from 0 to 4294967295";
        for (limit, said) in [
            (r#""5""#, ", and is a text"),
            (r#"{"a":1}"#, ", and is an object"),
            ("[8]", ", and is a list"),
            ("8.5", ""),
            ("-1", ""),
            ("4294967296", ""),
            ("1e300", ""),
        ] {
            assert_eq!(read(limit).unwrap_err().error.message, format!("{number}{said}"), "{limit}");
        }
    }
}
