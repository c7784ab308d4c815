//! The best of many: what a scan of vectors or of words keeps.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use domain::{gateways::IndexHit, ids::ChunkId};
use sea_orm::prelude::Uuid;

/// A chunk with its score; the greatest is the best, ties are broken by the smaller id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// The score.
    pub score: f64,
    /// The chunk.
    pub chunk: Uuid,
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

impl From<Scored> for IndexHit {
    fn from(scored: Scored) -> Self {
        Self { chunk_id: ChunkId(scored.chunk), score: scored.score }
    }
}

/// Keeps the best of what it is offered.
#[derive(Debug)]
pub struct Best {
    limit: usize,
    heap: BinaryHeap<Reverse<Scored>>,
}

impl Best {
    /// Keeps so many.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    /// Takes it in if it is among the best so far.
    pub fn offer(&mut self, scored: Scored) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored > worst.0
        {
            *worst = Reverse(scored);
        }
    }

    /// What was kept, the best first.
    #[must_use]
    pub fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(scored)| scored).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_and_ties_go_to_the_smaller_id() {
        let mut best = Best::new(3);
        for (score, number) in [(0.1, 1), (0.9, 9), (0.5, 4), (0.5, 3), (0.5, 5)] {
            best.offer(Scored { score, chunk: Uuid::from_u128(number) });
        }
        let kept: Vec<u128> = best.into_sorted().iter().map(|scored| scored.chunk.as_u128()).collect();
        assert_eq!(kept, [9, 3, 4]);
    }
}
