//! Vectors as codes of eight bits, kept in memory: a quarter of the bytes, and a scan that is bound
//! by nothing else.
//!
//! Each row is scaled by its own greatest magnitude, so no range has to be known before. The best
//! rows by codes are rescored from the stored vectors; the codes only choose candidates.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sea_orm::prelude::Uuid;
use simsimd::SpatialSimilarity;

use super::{
    best::{Best, Scored},
    kept::{Current, Part},
};

/// Greatest magnitude of a code.
const CODE_MAX: f32 = 127.0;

/// Whose vectors a matrix holds: a model by its full name, and their length.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) dimension: usize,
}

/// The vectors of one version of a source. It never changes, so generations share it.
#[derive(Debug, Default)]
pub(super) struct Block {
    chunks: Vec<Uuid>,
    scales: Vec<f32>,
    codes: Vec<i8>,
}

impl Block {
    pub(super) fn push(&mut self, chunk: Uuid, vector: &[f32]) {
        let (scale, codes) = encode(vector);
        self.chunks.push(chunk);
        self.scales.push(scale);
        self.codes.extend(codes);
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.codes.len() + self.chunks.len() * (size_of::<Uuid>() + size_of::<f32>())
    }
}

/// Blocks by their versions.
pub(super) type Blocks = HashMap<Uuid, Arc<Block>>;

/// All current versions of a collection in one generation of it.
#[derive(Debug, Default)]
pub(super) struct Matrix {
    generation: i64,
    is_partial: bool,
    blocks: Blocks,
}

impl Part for Matrix {
    type Added = HashMap<Uuid, Block>;

    fn generation(&self) -> i64 {
        self.generation
    }

    fn is_partial(&self) -> bool {
        self.is_partial
    }

    fn versions(&self) -> HashSet<Uuid> {
        self.blocks.keys().copied().collect()
    }

    fn advanced(&self, generation: i64, current: &Current, added: Self::Added) -> Self {
        let kept = self.blocks.iter().filter(|(version, _)| current.contains_key(version));
        let mut blocks: Blocks = kept.map(|(version, block)| (*version, Arc::clone(block))).collect();
        blocks.extend(added.into_iter().map(|(version, block)| (version, Arc::new(block))));
        Self { generation, is_partial: blocks.len() < current.len(), blocks }
    }

    fn bytes(&self) -> usize {
        self.blocks.values().map(|block| block.bytes()).sum()
    }
}

/// A vector's scale and codes: `vector ≈ scale × codes`.
fn encode(vector: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let greatest = vector.iter().fold(0.0f32, |greatest, value| greatest.max(value.abs()));
    let scale = if greatest > 0.0 { greatest / CODE_MAX } else { 1.0 };
    // The quotient lies within ±127, and `as` saturates.
    (scale, vector.iter().map(move |value| (value / scale).round() as i8))
}

/// The chunks whose codes are nearest, the best first; `allowed`: of these versions only.
pub(super) fn scan(
    matrices: &[Arc<Matrix>],
    allowed: Option<&HashSet<Uuid>>,
    vector: &[f32],
    limit: usize,
) -> Vec<Scored> {
    let (_, codes) = encode(vector);
    let query: Vec<i8> = codes.collect();
    let mut best = Best::new(limit);
    let blocks = matrices.iter().flat_map(|matrix| &matrix.blocks);
    for (_, block) in blocks.filter(|(version, _)| allowed.is_none_or(|allowed| allowed.contains(version))) {
        let rows = block.codes.chunks_exact(query.len().max(1));
        for ((row, scale), chunk) in rows.zip(&block.scales).zip(&block.chunks) {
            let product = <i8 as SpatialSimilarity>::dot(row, &query).unwrap_or(f64::MIN);
            best.offer(Scored { score: product * f64::from(*scale), chunk: *chunk });
        }
    }
    best.into_sorted()
}

/// The cosine of two L2-normalised vectors; the least there is where their lengths differ.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f64 {
    <f32 as SpatialSimilarity>::dot(a, b).unwrap_or(-1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    #[test]
    fn codes_rank_as_the_vectors_do_and_versions_that_are_not_allowed_stay_out() {
        let mut near = Block::default();
        near.push(id(1), &[0.6, 0.8, 0.0]);
        let mut far = Block::default();
        far.push(id(2), &[0.0, 0.0, 1.0]);
        far.push(id(3), &[0.8, 0.6, 0.0]);
        let current = Current::from([(id(100), 1), (id(200), 2)]);
        let blocks = HashMap::from([(id(100), near), (id(200), far)]);
        let matrices = [Arc::new(Matrix::default().advanced(1, &current, blocks))];
        let found = |allowed: Option<&HashSet<Uuid>>| -> Vec<Uuid> {
            scan(&matrices, allowed, &[0.6, 0.8, 0.0], 2).iter().map(|scored| scored.chunk).collect()
        };
        assert_eq!(found(None), [id(1), id(3)]);
        assert_eq!(found(Some(&HashSet::from([id(200)]))), [id(3), id(2)]);
    }

    #[test]
    fn a_matrix_keeps_what_is_current_and_knows_what_is_missing() {
        let block = || {
            let mut block = Block::default();
            block.push(id(1), &[1.0]);
            block
        };
        let first = Current::from([(id(100), 1), (id(200), 1)]);
        let matrix = Matrix::default().advanced(1, &first, HashMap::from([(id(100), block())]));
        assert!(matrix.is_partial());
        assert_eq!(matrix.missing(&first), Current::from([(id(200), 1)]));
        let second = Current::from([(id(200), 1)]);
        let matrix = matrix.advanced(2, &second, HashMap::from([(id(200), block())]));
        assert!(!matrix.is_partial() && matrix.bytes() > 0);
        assert_eq!(matrix.versions(), HashSet::from([id(200)]));
    }
}
