//! Sources and their versions.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose, Rows},
    clock::Timestamp,
    gateways::BlobKey,
    ids::{CollectionId, SourceId, SourceVersionId},
    knowledge::{Collection, ProcessingStatus, Source, SourceRepo, SourceVersion, VersionProgress},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{check::require, page::newest_first, reached::whole_tenant, state::State, store::MemoryTx, table::place};

impl State {
    /// The source, if the filter lets it through.
    pub(crate) fn reached_source(&self, filter: Filter, id: SourceId) -> Option<&Source> {
        let source = self.sources.get(&id)?;
        let collection = self.collections.get(&source.collection_id)?;
        filter.admits_source(source, collection).then_some(source)
    }

    /// The version, if the filter lets its source through.
    pub(super) fn reached_version(&self, filter: Filter, id: SourceVersionId) -> Option<&SourceVersion> {
        let version = self.source_versions.get(&id)?;
        self.reached_source(filter, version.source_id)?;
        Some(version)
    }

    /// The source that a new part is to belong to; as [`State::whole`].
    pub(super) fn whole_source(&self, filter: Filter, id: SourceId) -> Result<&Source, StoreError> {
        self.reached_source(whole_tenant(filter), id).ok_or(StoreError::ForeignKey)?;
        self.reached_source(filter, id).ok_or(StoreError::Stale)
    }

    /// Refuses a version that is not one of the source.
    pub(super) fn need_version_of(&self, source: SourceId, id: SourceVersionId) -> Result<(), StoreError> {
        let version = self.source_versions.get(&id).filter(|version| version.source_id == source);
        version.map(|_| ()).ok_or(StoreError::ForeignKey)
    }
}

/// Refuses a step that a status may not take.
fn check_step(status: ProcessingStatus, progress: &VersionProgress) -> Result<(), StoreError> {
    let is_allowed = progress.status.is_none_or(|next| status.may_become(next));
    require(is_allowed, "the processing status may not take this step")
}

#[async_trait]
impl SourceRepo for MemoryTx {
    async fn get(&self, id: SourceId) -> Result<Option<Source>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(state.reached_source(filter, id).cloned()))
    }

    async fn get_many(&self, ids: &[SourceId]) -> Result<Vec<Source>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(ids.iter().filter_map(|id| state.reached_source(filter, *id)).cloned().collect()))
    }

    async fn list(&self, collection: CollectionId, page: PageRequest) -> Result<Page<Source>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let inside = state.sources.by("uq_sources_content_hash", place![collection.0]);
            let rows = inside.filter(|source| state.reached_source(filter, source.id).is_some());
            Ok(newest_first(rows, page, |row| Cursor { at: row.created_at, id: row.id.0 }))
        })
    }

    async fn find_by_hash(&self, collection: CollectionId, content_hash: &str) -> Result<Option<Source>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let found = state.sources.find("uq_sources_content_hash", place![collection.0, content_hash]);
            Ok(found.and_then(|source| state.reached_source(filter, source.id)).cloned())
        })
    }

    async fn insert(&self, source: &Source) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.may_add_part(source.tenant_id)?;
        self.write(|state| {
            state.whole::<Collection>(filter, &source.collection_id)?;
            state.insert(source.clone())
        })
    }

    async fn set_status(&self, id: SourceId, progress: &VersionProgress) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.write(|state| {
            let status = state.reached_source(filter, id).ok_or(StoreError::Stale)?.status;
            check_step(status, progress)?;
            state.change(&id, |stored: &mut Source| {
                stored.status = progress.status.unwrap_or(status);
                stored.error.clone_from(&progress.error);
                if progress.status == Some(ProcessingStatus::Processed) {
                    stored.processed_at = stored.processed_at.or(Some(progress.at));
                }
                stored.updated_at = progress.at;
            })
        })
    }

    async fn insert_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.may_add_part(version.tenant_id)?;
        self.write(|state| {
            state.whole_source(filter, version.source_id)?;
            state.insert(version.clone())
        })
    }

    async fn version(&self, id: SourceVersionId) -> Result<Option<SourceVersion>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(state.reached_version(filter, id).cloned()))
    }

    async fn latest_version(&self, source: SourceId) -> Result<Option<SourceVersion>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let mut versions = state.source_versions.by("uq_source_versions_version", place![source.0]);
            Ok(versions.next_back().filter(|_| state.reached_source(filter, source).is_some()).cloned())
        })
    }

    async fn update_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.write(|state| {
            state.reached_version(filter, version.id).ok_or(StoreError::Stale)?;
            state.change(&version.id, |stored: &mut SourceVersion| {
                let SourceVersion { tenant_id, source_id, collection_id, version: number, created_at, .. } = *stored;
                let (status, error) = (stored.status, stored.error.take());
                *stored = SourceVersion {
                    tenant_id,
                    source_id,
                    collection_id,
                    version: number,
                    created_at,
                    status,
                    error,
                    ..version.clone()
                };
            })
        })
    }

    async fn set_version_status(&self, id: SourceVersionId, progress: &VersionProgress) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.write(|state| {
            let status = state.reached_version(filter, id).ok_or(StoreError::Stale)?.status;
            check_step(status, progress)?;
            state.change(&id, |stored: &mut SourceVersion| {
                stored.status = progress.status.unwrap_or(status);
                stored.error.clone_from(&progress.error);
                stored.updated_at = progress.at;
            })
        })
    }

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        at: Timestamp,
    ) -> Result<Option<SourceVersionId>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.write(|state| {
            let previous = state.reached_source(filter, source).ok_or(StoreError::Stale)?.current_version_id;
            state.need_version_of(source, version)?;
            state.change(&version, |published: &mut SourceVersion| {
                published.published_at = Some(at);
                published.updated_at = at;
            })?;
            state.change(&source, |stored: &mut Source| {
                stored.current_version_id = Some(version);
                stored.updated_at = at;
            })?;
            Ok(previous)
        })
    }

    async fn unnamed_files(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        if !matches!(filter, Filter::Within(_, Rows::All)) {
            return Err(StoreError::OutOfScope("files are swept by those who see the tenant's knowledge"));
        }
        self.read(|state| {
            let is_ours = |source: &Source| state.reached_source(filter, source.id).is_some();
            let sources = state.sources.iter().filter(|source| is_ours(source));
            let versions = state.source_versions.iter();
            let versions = versions.filter(|version| state.reached_source(filter, version.source_id).is_some());
            let texts = versions.filter_map(|version| version.text_storage_key.as_ref());
            let named: HashSet<&BlobKey> = sources.map(|source| &source.storage_key).chain(texts).collect();
            Ok(keys.iter().filter(|key| !named.contains(key)).cloned().collect())
        })
    }
}
