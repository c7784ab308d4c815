//! Vectors as codes of eight bits, kept in memory: a quarter of the bytes, and a scan that is bound
//! by nothing else.
//!
//! Each row is scaled by its own greatest magnitude, so no range has to be known before. The best
//! rows by codes are rescored from the stored vectors; the codes only choose candidates.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, HashSet},
    sync::Arc,
};

use moka::sync::Cache;
use simsimd::SpatialSimilarity;
use uuid::Uuid;

/// Greatest magnitude of a code.
const CODE_MAX: f32 = 127.0;

/// The vectors of one version of a source. It never changes, so generations share it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) version: Uuid,
    chunks: Vec<Uuid>,
    scales: Vec<f32>,
    codes: Vec<i8>,
}

impl Block {
    pub(crate) const fn new(version: Uuid) -> Self {
        Self { version, chunks: Vec::new(), scales: Vec::new(), codes: Vec::new() }
    }

    pub(crate) fn push(&mut self, chunk: Uuid, vector: &[f32]) {
        let (scale, codes) = encode(vector);
        self.chunks.push(chunk);
        self.scales.push(scale);
        self.codes.extend(codes);
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.codes.len() + self.chunks.len() * (size_of::<Uuid>() + size_of::<f32>())
    }
}

/// All current versions of a collection in one generation of it.
#[derive(Debug)]
pub(crate) struct Matrix {
    pub(crate) generation: i64,
    pub(crate) blocks: Vec<Arc<Block>>,
}

impl Matrix {
    fn kibibytes(&self) -> u32 {
        let bytes: usize = self.blocks.iter().map(|block| block.bytes()).sum();
        u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX)
    }
}

/// Which matrix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MatrixKey {
    pub(crate) tenant: Uuid,
    pub(crate) collection: Uuid,
    /// Full name of the model.
    pub(crate) model: String,
    pub(crate) dimension: usize,
}

/// Matrices by collection and model, within a bound of memory.
pub(crate) type MatrixCache = Cache<MatrixKey, Arc<Matrix>>;

/// A cache of at most so many bytes.
pub(crate) fn matrix_cache(bytes: u64) -> MatrixCache {
    Cache::builder().max_capacity(bytes / 1024).weigher(|_, matrix: &Arc<Matrix>| matrix.kibibytes()).build()
}

/// A vector's scale and codes: `vector ≈ scale × codes`.
fn encode(vector: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let greatest = vector.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
    let scale = if greatest > 0.0 { greatest / CODE_MAX } else { 1.0 };
    // The quotient lies within ±127, and `as` saturates.
    (scale, vector.iter().map(move |value| (value / scale).round() as i8))
}

/// A chunk with its score; the greatest is the best, ties are broken by the smaller id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: f64,
    pub(crate) chunk: Uuid,
}

impl Eq for Scored {}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.chunk.cmp(&self.chunk))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best of what it is offered.
#[derive(Debug)]
pub(crate) struct Best {
    limit: usize,
    heap: BinaryHeap<Reverse<Scored>>,
}

impl Best {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    pub(crate) fn offer(&mut self, scored: Scored) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored > worst.0
        {
            *worst = Reverse(scored);
        }
    }

    /// What was kept, the best first.
    pub(crate) fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(scored)| scored).collect()
    }
}

/// Offers all chunks of the matrices to `best` by their codes, but for the hidden versions.
pub(crate) fn scan(matrices: &[Arc<Matrix>], hidden: &HashSet<Uuid>, vector: &[f32], best: &mut Best) {
    let (_, codes) = encode(vector);
    let query: Vec<i8> = codes.collect();
    let blocks = matrices.iter().flat_map(|matrix| &matrix.blocks);
    for block in blocks.filter(|block| !hidden.contains(&block.version)) {
        let rows = block.codes.chunks_exact(query.len().max(1));
        for ((row, scale), chunk) in rows.zip(&block.scales).zip(&block.chunks) {
            let product = <i8 as SpatialSimilarity>::dot(row, &query).unwrap_or(f64::MIN);
            best.offer(Scored { score: product * f64::from(*scale), chunk: *chunk });
        }
    }
}

/// The cosine of two L2-normalised vectors; the least there is where their lengths differ.
pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    <f32 as SpatialSimilarity>::dot(a, b).unwrap_or(-1.0)
}

/// A vector as it is stored: little-endian f32.
pub(crate) fn to_bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Reads a stored vector.
pub(crate) fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let (values, _) = bytes.as_chunks::<4>();
    values.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn the_best_are_kept_and_ties_go_to_the_smaller_id() {
        let mut best = Best::new(3);
        for (score, number) in [(0.1, 1), (0.9, 9), (0.5, 4), (0.5, 3), (0.5, 5)] {
            best.offer(Scored { score, chunk: id(number) });
        }
        let kept: Vec<Uuid> = best.into_sorted().iter().map(|scored| scored.chunk).collect();
        assert_eq!(kept, [id(9), id(3), id(4)]);
    }

    #[test]
    fn codes_rank_as_the_vectors_do_and_hidden_versions_stay_out() {
        let mut near = Block::new(id(100));
        near.push(id(1), &[0.6, 0.8, 0.0]);
        let mut far = Block::new(id(200));
        far.push(id(2), &[0.0, 0.0, 1.0]);
        far.push(id(3), &[0.8, 0.6, 0.0]);
        let matrices = [Arc::new(Matrix { generation: 1, blocks: vec![Arc::new(near), Arc::new(far)] })];
        let found = |hidden: &[Uuid]| -> Vec<Uuid> {
            let mut best = Best::new(2);
            scan(&matrices, &hidden.iter().copied().collect(), &[0.6, 0.8, 0.0], &mut best);
            best.into_sorted().iter().map(|scored| scored.chunk).collect()
        };
        assert_eq!(found(&[]), [id(1), id(3)]);
        assert_eq!(found(&[id(100)]), [id(3), id(2)]);
    }

    #[test]
    fn stored_vectors_come_back() {
        let vector = [0.25f32, -1.0, 3.5e-3];
        assert_eq!(from_bytes(&to_bytes(&vector)), vector);
    }
}
