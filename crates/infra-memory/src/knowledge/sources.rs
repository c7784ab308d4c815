//! Sources and their versions.

use std::collections::HashSet;

use async_trait::async_trait;
use domain::{
    access::TenantScope,
    clock::Timestamp,
    gateways::BlobKey,
    ids::{CollectionId, SourceId, SourceVersionId},
    knowledge::{ProcessingStatus, Source, SourceRepo, SourceVersion, VersionProgress},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{
    check::{conflict, fits_column, no_nul, no_nul_json, refuse},
    page::newest_first,
    reach,
    state::{State, need},
    store::MemoryTx,
};

impl State {
    pub(super) fn reached_source(&self, scope: &TenantScope, id: SourceId) -> Option<&Source> {
        self.sources.get(&id).filter(|source| self.reaches_source(scope, source))
    }

    fn reached_version(&self, scope: &TenantScope, id: SourceVersionId) -> Option<&SourceVersion> {
        let version = self.source_versions.get(&id)?;
        self.reached_source(scope, version.source_id)?;
        Some(version)
    }

    fn insert_source(&mut self, source: &Source) -> Result<(), StoreError> {
        let Source { id, tenant_id, collection_id, user_id, current_version_id, .. } = *source;
        no_nul([source.name.as_str(), &source.filename, &source.storage_type, &source.mime_type])?;
        no_nul([Some(&source.content_hash), source.error.as_ref()].into_iter().flatten().map(String::as_str))?;
        no_nul_json([&source.metadata])?;
        fits_column([source.size_bytes])?;
        if self.sources.contains_key(&id) {
            return Err(conflict("sources_pkey"));
        }
        let same_content =
            |other: &Source| other.collection_id == collection_id && other.content_hash == source.content_hash;
        if self.sources.values().any(same_content) {
            return Err(conflict("uq_sources_content_hash"));
        }
        self.need_collection(tenant_id, Some(collection_id))?;
        self.need_user(tenant_id, user_id)?;
        self.need_version_of(id, current_version_id)?;
        self.sources.insert_mut(id, source.clone());
        Ok(())
    }

    fn insert_version(&mut self, version: &SourceVersion) -> Result<(), StoreError> {
        check_version(version)?;
        if self.source_versions.contains_key(&version.id) {
            return Err(conflict("source_versions_pkey"));
        }
        let same = |other: &SourceVersion| other.source_id == version.source_id && other.version == version.version;
        if self.source_versions.values().any(same) {
            return Err(conflict("uq_source_versions_version"));
        }
        need(Some(version.source_id), |id| {
            self.sources.get(&id).is_some_and(|source| {
                source.tenant_id == version.tenant_id && source.collection_id == version.collection_id
            })
        })?;
        self.source_versions.insert_mut(version.id, version.clone());
        Ok(())
    }

    /// Foreign key to a version of the source.
    pub(super) fn need_version_of(&self, source: SourceId, id: Option<SourceVersionId>) -> Result<(), StoreError> {
        need(id, |id| self.source_versions.get(&id).is_some_and(|version| version.source_id == source))
    }
}

fn check_version(version: &SourceVersion) -> Result<(), StoreError> {
    let SourceVersion { error, content_hash, embedding_model, character_count, chunk_count, .. } = version;
    no_nul([error.as_ref(), Some(content_hash), embedding_model.as_ref()].into_iter().flatten().map(String::as_str))?;
    fits_column([*character_count, *chunk_count])?;
    if version.version < 1 {
        return Err(refuse("versions of a source count from 1"));
    }
    Ok(())
}

fn check_progress(status: ProcessingStatus, progress: &VersionProgress) -> Result<(), StoreError> {
    no_nul(progress.error.as_deref())?;
    if progress.status.is_none_or(|next| status.may_become(next)) {
        Ok(())
    } else {
        Err(refuse("the processing status may not take this step"))
    }
}

#[async_trait]
impl SourceRepo for MemoryTx {
    async fn get(&self, id: SourceId) -> Result<Option<Source>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.reached_source(scope, id).cloned()))
    }

    async fn get_many(&self, ids: &[SourceId]) -> Result<Vec<Source>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(ids.iter().filter_map(|id| state.reached_source(scope, *id)).cloned().collect()))
    }

    async fn list(&self, collection: CollectionId, page: PageRequest) -> Result<Page<Source>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let inside = state.sources.values().filter(|source| source.collection_id == collection);
            let rows = inside.filter(|source| state.reaches_source(scope, source));
            Ok(newest_first(rows, page, |row| Cursor { at: row.created_at, id: row.id.0 }))
        })
    }

    async fn find_by_hash(&self, collection: CollectionId, content_hash: &str) -> Result<Option<Source>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let same = |source: &&Source| source.collection_id == collection && source.content_hash == content_hash;
            Ok(state.sources.values().find(same).filter(|source| state.reaches_source(scope, source)).cloned())
        })
    }

    async fn insert(&self, source: &Source) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        if scope.tenant_id != source.tenant_id {
            return Err(StoreError::OutOfScope("a source is added in the scope of its tenant"));
        }
        self.write(|state| {
            let collection = state.collections.get(&source.collection_id);
            let unreached =
                collection.is_some_and(|found| found.tenant_id == scope.tenant_id && !reach::collection(scope, found));
            if unreached {
                return Err(StoreError::Stale);
            }
            state.insert_source(source)
        })
    }

    async fn set_status(&self, id: SourceId, progress: &VersionProgress) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let status = state.reached_source(scope, id).ok_or(StoreError::Stale)?.status;
            check_progress(status, progress)?;
            let stored = state.sources.get_mut(&id).ok_or(StoreError::Stale)?;
            stored.status = progress.status.unwrap_or(status);
            stored.error.clone_from(&progress.error);
            if stored.status == ProcessingStatus::Processed {
                stored.processed_at = stored.processed_at.or(Some(progress.at));
            }
            stored.updated_at = progress.at;
            Ok(())
        })
    }

    async fn insert_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        if scope.tenant_id != version.tenant_id {
            return Err(StoreError::OutOfScope("a version is added in the scope of its tenant"));
        }
        self.write(|state| state.insert_version(version))
    }

    async fn version(&self, id: SourceVersionId) -> Result<Option<SourceVersion>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.reached_version(scope, id).cloned()))
    }

    async fn latest_version(&self, source: SourceId) -> Result<Option<SourceVersion>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            if state.reached_source(scope, source).is_none() {
                return Ok(None);
            }
            let versions = state.source_versions.values().filter(|version| version.source_id == source);
            Ok(versions.max_by_key(|version| version.version).cloned())
        })
    }

    async fn update_version(&self, version: &SourceVersion) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let stored = state.reached_version(scope, version.id).ok_or(StoreError::Stale)?;
            check_version(version)?;
            let SourceVersion { tenant_id, source_id, collection_id, created_at, .. } = *stored;
            let (status, error, number) = (stored.status, stored.error.clone(), stored.version);
            let changed = SourceVersion {
                tenant_id,
                source_id,
                collection_id,
                created_at,
                status,
                error,
                version: number,
                ..version.clone()
            };
            state.source_versions.insert_mut(version.id, changed);
            Ok(())
        })
    }

    async fn set_version_status(&self, id: SourceVersionId, progress: &VersionProgress) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let status = state.reached_version(scope, id).ok_or(StoreError::Stale)?.status;
            check_progress(status, progress)?;
            let stored = state.source_versions.get_mut(&id).ok_or(StoreError::Stale)?;
            stored.status = progress.status.unwrap_or(status);
            stored.error.clone_from(&progress.error);
            stored.updated_at = progress.at;
            Ok(())
        })
    }

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        at: Timestamp,
    ) -> Result<Option<SourceVersionId>, StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let previous = state.reached_source(scope, source).ok_or(StoreError::Stale)?.current_version_id;
            state.need_version_of(source, Some(version))?;
            if let Some(published) = state.source_versions.get_mut(&version) {
                published.published_at = Some(at);
                published.updated_at = at;
            }
            if let Some(stored) = state.sources.get_mut(&source) {
                stored.current_version_id = Some(version);
                stored.updated_at = at;
            }
            Ok(previous)
        })
    }

    async fn unnamed_files(&self, keys: &[BlobKey]) -> Result<Vec<BlobKey>, StoreError> {
        let tenant = self.tenant()?.tenant_id;
        self.read(|state| {
            let sources = state.sources.values().filter(|source| source.tenant_id == tenant);
            let versions = state.source_versions.values().filter(|version| version.tenant_id == tenant);
            let texts = versions.filter_map(|version| version.text_storage_key.as_ref());
            let named: HashSet<&BlobKey> = sources.map(|source| &source.storage_key).chain(texts).collect();
            Ok(keys.iter().filter(|key| !named.contains(key)).cloned().collect())
        })
    }
}
