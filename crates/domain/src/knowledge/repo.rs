//! Ports to stored knowledge. Sources are parts of their collection, and reached as that is, unless a
//! source's own visibility narrows it to its owner
//! ([`Filter::admits_source`](crate::access::Filter::admits_source)). Versions, chunks and vectors are
//! parts of their source.

use crate::{
    clock::Timestamp,
    gateways::BlobKey,
    ids::{ChunkId, CollectionId, MessageId, SourceId, SourceVersionId},
    knowledge::{
        Chunk, Citation, CitedPassage, Collection, ProcessingStatus, RetrievalHit, RetrievalRun, Source, SourceVersion,
    },
    page::{Page, PageRequest},
    store::{StoreError, repository},
};

repository! {
    /// Stored collections.
    pub trait CollectionRepo {
        /// The collection, if the scope reaches it.
        async fn get(&self, id: CollectionId) -> Result<Option<Collection>, StoreError>;
        /// Collections in reach, newest first; with `parent` only its children.
        async fn list(&self, parent: Option<CollectionId>, page: PageRequest) -> Result<Page<Collection>, StoreError>;
        /// Adds a collection.
        async fn insert(&self, collection: &Collection) -> Result<(), StoreError>;
        /// How many collections stand above this one (0 for an outermost one), up to a bound of 64.
        async fn depth(&self, id: CollectionId) -> Result<u32, StoreError>;
        /// Of the named collections and all below them, those in reach. Unknown ones are left out; what is in
        /// reach below one that is not is found.
        async fn with_descendants(&self, ids: &[CollectionId]) -> Result<Vec<CollectionId>, StoreError>;
        /// Whether any chunk at all can be found in the scope's reach. Cheap.
        async fn has_chunks(&self) -> Result<bool, StoreError>;
        /// Raises `generation` and adds to `chunk_count`.
        async fn record_change(&self, id: CollectionId, chunks: i64) -> Result<(), StoreError>;
    }
}

/// How far the work on a version is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionProgress {
    /// New status, if it changes; only steps that [`ProcessingStatus::may_become`] allows.
    pub status: Option<ProcessingStatus>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it happened.
    pub at: Timestamp,
}

repository! {
    /// Stored sources and their versions.
    pub trait SourceRepo {
        /// The source, if the scope reaches it.
        async fn get(&self, id: SourceId) -> Result<Option<Source>, StoreError>;
        /// The sources with these ids that the scope reaches.
        async fn get_many(&self, ids: &[SourceId]) -> Result<Vec<Source>, StoreError>;
        /// Sources of a collection, newest first.
        async fn list(&self, collection: CollectionId, page: PageRequest) -> Result<Page<Source>, StoreError>;
        /// The source of this content in a collection, if the scope reaches it.
        async fn find_by_hash(
            &self,
            collection: CollectionId,
            content_hash: &str,
        ) -> Result<Option<Source>, StoreError>;
        /// Adds a source. Its whole is the collection, whatever the source's own visibility.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when the collection holds the same content already.
        async fn insert(&self, source: &Source) -> Result<(), StoreError>;
        /// Moves a source's status; a step that is not allowed is [`StoreError::Check`].
        async fn set_status(&self, id: SourceId, progress: &VersionProgress) -> Result<(), StoreError>;
        /// Adds a version.
        async fn insert_version(&self, version: &SourceVersion) -> Result<(), StoreError>;
        /// The version, if the scope reaches its source.
        async fn version(&self, id: SourceVersionId) -> Result<Option<SourceVersion>, StoreError>;
        /// The newest version of a source.
        async fn latest_version(&self, source: SourceId) -> Result<Option<SourceVersion>, StoreError>;
        /// Writes every field of a version but its status, error and identity.
        async fn update_version(&self, version: &SourceVersion) -> Result<(), StoreError>;
        /// Moves a version's status; a step that is not allowed is [`StoreError::Check`].
        async fn set_version_status(&self, id: SourceVersionId, progress: &VersionProgress) -> Result<(), StoreError>;
        /// Flips the source's pointer to a version and sets `published_at`; returns the version that
        /// was current before.
        async fn publish(
            &self,
            source: SourceId,
            version: SourceVersionId,
            at: Timestamp,
        ) -> Result<Option<SourceVersionId>, StoreError>;
        /// Of these files (at most 1,000) those that no source and no version of the tenant names.
        ///
        /// # Errors
        /// [`StoreError::OutOfScope`] unless the scope reaches all knowledge of the tenant: who sees a part of
        /// it would take the rest for unnamed.
        async fn unnamed_files(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>, StoreError>;
    }
}

repository! {
    /// Stored chunks, without their vectors.
    pub trait ChunkRepo {
        /// Adds the chunks of a version, each a part of its source. One that is there already (same version
        /// and ordinal) is left.
        async fn insert(&self, chunks: &[Chunk]) -> Result<(), StoreError>;
        /// The chunks with these ids that the scope reaches, in the order of `ids`; others are left out.
        async fn get_many(&self, ids: &[ChunkId]) -> Result<Vec<Chunk>, StoreError>;
        /// Chunks of a version by ordinal, from `from`, at most `limit`.
        async fn of_version(&self, version: SourceVersionId, from: u32, limit: u32) -> Result<Vec<Chunk>, StoreError>;
        /// Number of chunks of a version.
        async fn count(&self, version: SourceVersionId) -> Result<u64, StoreError>;
    }
}

repository! {
    /// Stored searches and citations. A search is a record of what was done; its hits go with it, whatever
    /// became of their chunks' reach since. A citation is a part of its conversation.
    pub trait RetrievalRepo {
        /// Keeps a search and its hits.
        async fn insert_run(&self, run: &RetrievalRun, hits: &[RetrievalHit]) -> Result<(), StoreError>;
        /// Keeps citations.
        async fn insert_citations(&self, citations: &[Citation]) -> Result<(), StoreError>;
        /// The citations of these messages by message and index, each with its standing for this scope.
        async fn citations_of(&self, messages: &[MessageId]) -> Result<Vec<CitedPassage>, StoreError>;
    }
}
