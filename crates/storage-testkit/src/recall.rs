//! Search by vector among many: how much of what an exact scan finds is found, for a large tenant,
//! for a colleague who may read a part of it, and for a tenant with a thousandth of the chunks.

use std::collections::HashSet;

use domain::{
    access::Scope,
    gateways::{IndexEntry, Readable},
    identity::User,
    ids::ChunkId,
    knowledge::{Chunk, Collection, CollectionVisibility},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{World, normalised, scopes};

/// Hits that are wanted of each question.
const HITS: u32 = 10;
/// Chunks of one source.
const CHUNKS_PER_SOURCE: usize = 500;
/// Groups that the vectors stand in, as texts on the same matters do.
const CLUSTERS: usize = 60;
/// How far vectors stray from the middle of their cluster, as a share of its length.
const SPREAD: f32 = 0.9;
/// The model's name.
const MODEL: &str = "test/clustered";

/// How much is stored and asked.
#[derive(Debug, Clone, Copy)]
pub struct RecallSettings {
    /// Chunks of the large tenant; the small one has a thousandth, but 20 at least.
    pub chunks: usize,
    /// Length of the vectors.
    pub dimension: usize,
    /// Questions of each reader.
    pub questions: usize,
    /// Where the vectors come from.
    pub seed: u64,
}

/// Shares of the true ten nearest that were found, from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct RecallReport {
    /// For one who may read all of the large tenant.
    pub large_tenant: f64,
    /// For one who may read a seventh of it.
    pub narrow_rights: f64,
    /// For the small tenant.
    pub small_tenant: f64,
    /// Hits that the reader may not read. Must be 0.
    pub foreign: usize,
    /// Hits that are missing though there was more to be found. Must be 0.
    pub missing: usize,
}

impl RecallReport {
    /// Fails where a recall is less, a hit foreign, or an answer short.
    ///
    /// # Panics
    /// Then.
    pub fn assert_at_least(&self, recall: f64) {
        assert_eq!((self.foreign, self.missing), (0, 0), "{self:?}");
        let least = self.large_tenant.min(self.narrow_rights).min(self.small_tenant);
        assert!(least >= recall, "recall@{HITS} below {recall}: {self:?}");
    }
}

/// Vectors in clusters.
struct Vectors {
    random: StdRng,
    middles: Vec<Vec<f32>>,
    dimension: usize,
}

impl Vectors {
    fn new(settings: RecallSettings) -> Self {
        let mut vectors =
            Self { random: StdRng::seed_from_u64(settings.seed), middles: Vec::new(), dimension: settings.dimension };
        vectors.middles = (0..CLUSTERS).map(|_| normalised(&vectors.noise())).collect();
        vectors
    }

    fn noise(&mut self) -> Vec<f32> {
        (0..self.dimension).map(|_| self.random.random_range(-1.0f32..1.0)).collect()
    }

    /// A vector near the middle of some cluster.
    fn next(&mut self) -> Vec<f32> {
        let noise = normalised(&self.noise());
        let middle = &self.middles[self.random.random_range(0..CLUSTERS)];
        normalised(&middle.iter().zip(&noise).map(|(a, b)| a + SPREAD * b).collect::<Vec<_>>())
    }
}

type Stored = Vec<(ChunkId, Vec<f32>)>;

/// Adds a collection of `count` chunks with vectors, all published.
async fn fill(world: &World, owner: &User, shared: bool, count: usize, vectors: &mut Vectors) -> Stored {
    let mut collection: Collection = world.make.collection(owner);
    if shared {
        collection.visibility = CollectionVisibility::Shared;
    }
    let scope = Scope::system_in(collection.tenant_id);
    world.write(&scope, async |tx| tx.collections().insert(&collection).await).await;
    let mut stored = Stored::new();
    while stored.len() < count {
        let source = world.make.source(&collection);
        let version = world.make.version(&source, 1);
        let chunks: Vec<Chunk> = (0..CHUNKS_PER_SOURCE.min(count - stored.len()))
            .map(|ordinal| world.make.chunk(&version, u32::try_from(ordinal).expect("few chunks"), "some words"))
            .collect();
        let entries: Vec<IndexEntry> =
            chunks.iter().map(|chunk| world.make.entry(chunk, MODEL, &vectors.next())).collect();
        world
            .write(&scope, async |tx| {
                tx.sources().insert(&source).await?;
                tx.sources().insert_version(&version).await?;
                tx.chunks().insert(&chunks).await?;
                tx.chunk_index().insert(&entries).await?;
                tx.sources().publish(source.id, version.id, world.make.now()).await?;
                tx.chunk_index().publish(source.id, version.id, None).await?;
                tx.collections().record_change(collection.id, i64::try_from(chunks.len()).expect("few chunks")).await
            })
            .await;
        stored.extend(entries.into_iter().map(|entry| (entry.chunk_id, entry.vector)));
    }
    stored
}

/// The true nearest.
fn exact(stored: &[&Stored], question: &[f32]) -> Vec<ChunkId> {
    let cosine = |vector: &[f32]| vector.iter().zip(question).map(|(a, b)| a * b).sum::<f32>();
    let mut all: Vec<(f32, ChunkId)> =
        stored.iter().flat_map(|part| part.iter()).map(|(id, vector)| (cosine(vector), *id)).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(HITS as usize).map(|(_, id)| id).collect()
}

/// Stores, asks, and compares. Before the first question a backend may bring its index in order.
pub async fn measure(world: &World, settings: RecallSettings, stored: impl AsyncFnOnce()) -> RecallReport {
    let mut vectors = Vectors::new(settings);
    let cast = world.cast().await;
    let shared_count = settings.chunks / 7;
    let private = fill(world, &cast.ada, false, settings.chunks - shared_count, &mut vectors).await;
    let shared = fill(world, &cast.ada, true, shared_count, &mut vectors).await;
    let small = fill(world, &cast.eve, false, (settings.chunks / 1000).max(20), &mut vectors).await;

    stored().await;

    let readers = [
        (scopes::visible(&cast.ada), vec![&private, &shared]),
        (scopes::visible(&cast.bob), vec![&shared]),
        (scopes::visible(&cast.eve), vec![&small]),
    ];
    let mut recalls = [0.0; 3];
    let (mut foreign, mut missing) = (0, 0);
    for ((scope, stored), recall) in readers.iter().zip(&mut recalls) {
        let readable: HashSet<ChunkId> = stored.iter().flat_map(|part| part.iter()).map(|(id, _)| *id).collect();
        let mut found = 0;
        for _ in 0..settings.questions {
            let question = vectors.next();
            let truth = exact(stored, &question);
            let everything = Readable { collections: None };
            let hits =
                world.read(scope, async |tx| tx.chunk_index().nearest(MODEL, &question, &everything, HITS).await).await;
            foreign += hits.iter().filter(|hit| !readable.contains(&hit.chunk_id)).count();
            missing += truth.len() - hits.len();
            found += hits.iter().filter(|hit| truth.contains(&hit.chunk_id)).count();
        }
        *recall = found as f64 / (settings.questions * HITS as usize) as f64;
    }
    let [large_tenant, narrow_rights, small_tenant] = recalls;
    RecallReport { large_tenant, narrow_rights, small_tenant, foreign, missing }
}
