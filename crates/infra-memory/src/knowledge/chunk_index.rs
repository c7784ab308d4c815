//! The index of chunks: an exact scan of vectors, and posting lists of words.

use std::{cmp::Ordering, collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose},
    gateways::{ChunkIndex, IndexEntry, IndexHit, Readable},
    ids::{ChunkId, SourceId, SourceVersionId, TenantId},
    knowledge::{
        Chunk, Collection, Source,
        words::{Cutter, of_question},
    },
    store::StoreError,
};
use uuid::Uuid;

use super::{
    index_rows::{Posting, StoredVector},
    words,
};
use crate::{
    state::State,
    store::MemoryTx,
    table::{Row, place},
};

impl State {
    fn insert_vector(&mut self, filter: Filter, entry: &IndexEntry) -> Result<(), StoreError> {
        let tenant_id = self.whole_source(filter, entry.source_id)?.tenant_id;
        let IndexEntry { chunk_id, collection_id, source_id, source_version_id, .. } = *entry;
        let place = (source_id, collection_id, source_version_id);
        let chunk = self.chunks.get(&chunk_id);
        if chunk.is_none_or(|chunk| (chunk.source_id, chunk.collection_id, chunk.source_version_id) != place) {
            return Err(StoreError::ForeignKey);
        }
        let vector = Arc::from(entry.vector.as_slice());
        let row = StoredVector { tenant_id, source_version_id, chunk_id, model: entry.model.clone(), vector };
        match self.chunk_embeddings.get(&row.id()) {
            Some(_) => row.check(),
            None => self.insert(row),
        }
    }

    /// The vectors of a version by a model.
    fn vectors(&self, version: SourceVersionId, model: &str) -> impl Iterator<Item = &StoredVector> {
        let id = |chunk| (version, model.to_owned(), ChunkId(chunk));
        self.chunk_embeddings.range(id(Uuid::nil()), id(Uuid::max()))
    }

    /// The chunks that hold a word.
    fn holders(&self, tenant: TenantId, word: &str) -> Vec<&Posting> {
        let id = |chunk| (tenant, word.to_owned(), ChunkId(chunk));
        self.chunk_words.range(id(Uuid::nil()), id(Uuid::max())).collect()
    }

    /// The words of a version's chunks.
    fn postings(&self, version: SourceVersionId) -> Vec<Posting> {
        let mut cutter = Cutter::default();
        let mut words_of = |chunk: &Chunk| {
            let (tenant_id, chunk_id) = (chunk.tenant_id, chunk.id);
            let counted = cutter.counted(&[&chunk.embedded_text()]).into_iter();
            counted.map(move |(word, count)| Posting { tenant_id, word, chunk_id, count })
        };
        self.chunks_of(version, 0).flat_map(&mut words_of).collect()
    }

    /// Puts the words of a version in place of those of the source's others.
    fn index_words(&mut self, source: SourceId, version: SourceVersionId) {
        let versions = self.source_versions.by("uq_source_versions_version", place![source.0]);
        let others: Vec<SourceVersionId> = versions.map(|other| other.id).filter(|other| *other != version).collect();
        for posting in others.into_iter().flat_map(|other| self.postings(other)).collect::<Vec<_>>() {
            self.chunk_words.take(&posting.id());
        }
        for posting in self.postings(version) {
            self.chunk_words.put(posting);
        }
    }

    /// Whether the chunks of a source's version may be found: it is current, and in reach.
    fn is_found(&self, filter: Filter, readable: &Readable, source: &Source, version: SourceVersionId) -> bool {
        source.current_version_id == Some(version)
            && readable.collections.as_ref().is_none_or(|chosen| chosen.contains(&source.collection_id))
            && self.reached_source(filter, source.id).is_some()
    }

    fn nearest(&self, filter: Filter, model: &str, vector: &[f32], readable: &Readable) -> Vec<IndexHit> {
        let sources = self.sources.iter().filter_map(|source| Some((source, source.current_version_id?)));
        let found = sources.filter(|(source, version)| self.is_found(filter, readable, source, *version));
        let vectors = found.flat_map(|(_, version)| self.vectors(version, model));
        let same_length = vectors.filter(|stored| stored.vector.len() == vector.len());
        let hit = |stored: &StoredVector| IndexHit { chunk_id: stored.chunk_id, score: cosine(vector, &stored.vector) };
        same_length.map(hit).collect()
    }

    fn lexical(&self, filter: Filter, tenant: TenantId, query: &str, readable: &Readable) -> Vec<IndexHit> {
        let mut scores: BTreeMap<ChunkId, f64> = BTreeMap::new();
        let mut decided: BTreeMap<SourceVersionId, bool> = BTreeMap::new();
        for word in of_question(query) {
            let holders: Vec<&Posting> = word.iter().flat_map(|term| self.holders(tenant, term)).collect();
            for Posting { chunk_id, count, .. } in &holders {
                let Some(chunk) = self.chunks.get(chunk_id) else { continue };
                let found = *decided.entry(chunk.source_version_id).or_insert_with(|| {
                    let source = self.sources.get(&chunk.source_id);
                    source.is_some_and(|source| self.is_found(filter, readable, source, chunk.source_version_id))
                });
                if found {
                    let weight = words::weight(*count, holders.len().min(self.chunks.len()), self.chunks.len());
                    *scores.entry(*chunk_id).or_default() += weight;
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
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.write(|state| entries.iter().try_for_each(|entry| state.insert_vector(filter, entry)))
    }

    async fn count(&self, version: SourceVersionId, model: &str) -> Result<u64, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let reached = state.reached_version(filter, version);
            Ok(reached.map_or(0, |_| state.vectors(version, model).count() as u64))
        })
    }

    async fn publish(
        &self,
        source: SourceId,
        version: SourceVersionId,
        previous: Option<SourceVersionId>,
    ) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Change)?;
        self.write(|state| {
            state.reached_source(filter, source).ok_or(StoreError::Stale)?;
            previous.into_iter().chain([version]).try_for_each(|version| state.need_version_of(source, version))?;
            state.index_words(source, version);
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
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| Ok(best(state.nearest(filter, model, vector, readable), limit)))
    }

    async fn lexical(&self, query: &str, readable: &Readable, limit: u32) -> Result<Vec<IndexHit>, StoreError> {
        let filter = self.scope.filter::<Collection>(Purpose::Read)?;
        let tenant = self.tenant()?.tenant_id;
        self.read(|state| Ok(best(state.lexical(filter, tenant, query, readable), limit)))
    }
}
