//! The index of chunks: an exact scan of vectors, and posting lists of words.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use domain::{
    access::TenantScope,
    gateways::{ChunkIndex, IndexEntry, IndexHit, Readable},
    ids::{ChunkId, SourceId, SourceVersionId},
    knowledge::Source,
    store::StoreError,
};

use super::words;
use crate::{
    check::{no_nul, refuse},
    state::{State, Table, need},
    store::MemoryTx,
};

impl State {
    fn insert_vector(&mut self, scope: &TenantScope, entry: &IndexEntry) -> Result<(), StoreError> {
        no_nul([entry.model.as_str()])?;
        if entry.vector.is_empty() || entry.vector.iter().any(|value| !value.is_finite()) {
            return Err(refuse("a vector holds finite numbers, and at least one"));
        }
        need(Some(entry.chunk_id), |id| {
            self.chunks.get(&id).is_some_and(|chunk| {
                chunk.tenant_id == scope.tenant_id
                    && chunk.collection_id == entry.collection_id
                    && chunk.source_id == entry.source_id
                    && chunk.source_version_id == entry.source_version_id
            })
        })?;
        let place = (entry.source_version_id, entry.model.clone());
        if !self.vectors.contains_key(&place) {
            self.vectors.insert_mut(place.clone(), Table::new_sync());
        }
        if let Some(vectors) = self.vectors.get_mut(&place)
            && !vectors.contains_key(&entry.chunk_id)
        {
            vectors.insert_mut(entry.chunk_id, Arc::from(entry.vector.as_slice()));
        }
        Ok(())
    }

    /// Adds the words of a version's chunks, or takes them out.
    fn index_words(&mut self, version: SourceVersionId, add: bool) {
        let chunks: Vec<_> = self.chunks_of(version, 0).cloned().collect();
        for chunk in chunks {
            for (word, count) in words::counted(&chunk.embedded_text()) {
                let key = (chunk.tenant_id, word);
                let mut holders = self.words.get(&key).cloned().unwrap_or_else(Table::new_sync);
                if add {
                    holders.insert_mut(chunk.id, count);
                } else {
                    holders.remove_mut(&chunk.id);
                }
                if holders.is_empty() {
                    self.words.remove_mut(&key);
                } else {
                    self.words.insert_mut(key, holders);
                }
            }
        }
    }

    /// Whether the chunks of a source's version may be found: it is current, indexed, and in reach.
    fn is_found(&self, scope: &TenantScope, readable: &Readable, source: &Source, version: SourceVersionId) -> bool {
        source.current_version_id == Some(version)
            && self.indexed.get(&source.id) == Some(&version)
            && readable.collections.as_ref().is_none_or(|chosen| chosen.contains(&source.collection_id))
            && self.reaches_source(scope, source)
    }

    fn nearest(&self, scope: &TenantScope, model: &str, vector: &[f32], readable: &Readable) -> Vec<IndexHit> {
        let sources = self.sources.values().filter_map(|source| Some((source, source.current_version_id?)));
        let found = sources.filter(|(source, version)| self.is_found(scope, readable, source, *version));
        let vectors = found.filter_map(|(_, version)| self.vectors.get(&(version, model.to_owned())));
        let same_length = vectors.flat_map(Table::iter).filter(|(_, stored)| stored.len() == vector.len());
        same_length.map(|(id, stored)| IndexHit { chunk_id: *id, score: cosine(vector, stored) }).collect()
    }

    fn lexical(&self, scope: &TenantScope, query: &str, readable: &Readable) -> Vec<IndexHit> {
        let mut scores: BTreeMap<ChunkId, f64> = BTreeMap::new();
        let mut decided: BTreeMap<SourceVersionId, bool> = BTreeMap::new();
        for word in words::of_question(query) {
            let Some(holders) = self.words.get(&(scope.tenant_id, word)) else { continue };
            for (id, count) in holders {
                let Some(chunk) = self.chunks.get(id) else { continue };
                let found = *decided.entry(chunk.source_version_id).or_insert_with(|| {
                    let source = self.sources.get(&chunk.source_id);
                    source.is_some_and(|source| self.is_found(scope, readable, source, chunk.source_version_id))
                });
                if found {
                    let weight = words::weight(*count, holders.size(), self.chunks.size());
                    *scores.entry(*id).or_default() += weight;
                }
            }
        }
        scores.into_iter().map(|(chunk_id, score)| IndexHit { chunk_id, score }).collect()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let (mut dot, mut norm_a, mut norm_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a), f64::from(*b));
        dot += a * b;
        norm_a += a * a;
        norm_b += b * b;
    }
    let norms = f64::sqrt(norm_a * norm_b);
    if norms == 0.0 { 0.0 } else { dot / norms }
}

/// Best first, ties by chunk id.
fn best(mut hits: Vec<IndexHit>, limit: u32) -> Vec<IndexHit> {
    let order = |a: &IndexHit, b: &IndexHit| -> Ordering {
        b.score.total_cmp(&a.score).then_with(|| a.chunk_id.cmp(&b.chunk_id))
    };
    hits.sort_unstable_by(order);
    hits.truncate(limit as usize);
    hits
}

#[async_trait]
impl ChunkIndex for MemoryTx {
    async fn insert(&self, entries: &[IndexEntry]) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| entries.iter().try_for_each(|entry| state.insert_vector(scope, entry)))
    }

    async fn count(&self, version: SourceVersionId, model: &str) -> Result<u64, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let own = state.source_versions.get(&version).filter(|found| found.tenant_id == scope.tenant_id);
            let vectors = own.and_then(|_| state.vectors.get(&(version, model.to_owned())));
            Ok(vectors.map_or(0, |vectors| vectors.size() as u64))
        })
    }

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        previous: Option<SourceVersionId>,
    ) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            state.reached_source(scope, source).ok_or(StoreError::Stale)?;
            state.need_version_of(source, Some(version))?;
            state.need_version_of(source, previous)?;
            let replaced: BTreeSet<SourceVersionId> =
                previous.into_iter().chain(state.indexed.get(&source).copied()).collect();
            for old in replaced {
                state.index_words(old, false);
            }
            state.index_words(version, true);
            state.indexed.insert_mut(source, version);
            Ok(())
        })
    }

    async fn nearest(
        &self,
        model: &str,
        vector: &[f32],
        readable: &Readable,
        limit: u32,
    ) -> Result<Vec<IndexHit>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(best(state.nearest(scope, model, vector, readable), limit)))
    }

    async fn lexical(&self, query: &str, readable: &Readable, limit: u32) -> Result<Vec<IndexHit>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(best(state.lexical(scope, query, readable), limit)))
    }
}
