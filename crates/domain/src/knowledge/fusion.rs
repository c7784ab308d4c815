//! Weighted reciprocal rank fusion (Cormack, Clarke, Büttcher: "Reciprocal Rank Fusion outperforms
//! Condorcet and individual Rank Learning Methods", SIGIR 2009), with weights.

use std::{cmp::Ordering, collections::HashMap};

use crate::{gateways::IndexHit, ids::ChunkId, knowledge::RetrievalHit};

/// How two rankings become one.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Fusion {
    /// The constant `k` of the formula; the smaller, the more the first ranks count.
    pub k: f64,
    /// Weight of the vectors' ranking.
    pub vector_weight: f64,
    /// Weight of the words' ranking.
    pub lexical_weight: f64,
}

impl Default for Fusion {
    /// Chosen on real questions over the Python documentation: equal weights with k = 60, the
    /// common default, were worse there than vectors alone (nDCG@10 0.52–0.61 against 0.711); these
    /// make a gain of it (0.738).
    fn default() -> Self {
        Self { k: 10.0, vector_weight: 3.0, lexical_weight: 1.0 }
    }
}

/// Weight of the vectors' ranking where the model knows none of the question's words: too little to part two neighbours
/// of the words' ranking at its top (`1/(k + 1) - 1/(k + 2)` is more than this weight has to give).
const STRANGE_VECTOR_WEIGHT: f64 = 0.05;
/// Places among which the first hit of the words always is. A model that knows a language in part ranks some of its
/// passages by chance, and a tokenizer cannot tell which; readers look at three.
const PLACES_WITH_FIRST_WORDS: usize = 3;

impl Fusion {
    /// The fusion for a question that the model is so familiar with (from 0 to 1, see
    /// [`Embedder::familiarity`](crate::gateways::Embedder::familiarity)). Vectors of words that a model does not know
    /// are near by chance, and three times the weight of chance drowns what the words found. The weight falls with the
    /// square: of a language that a tokenizer knows in part the model knows less (measured by `cargo xtask eval
    /// documents search`).
    #[must_use]
    pub fn for_familiarity(familiarity: f64) -> Self {
        let known = Self::default();
        let more = known.vector_weight - STRANGE_VECTOR_WEIGHT;
        Self { vector_weight: STRANGE_VECTOR_WEIGHT + more * familiarity.clamp(0.0, 1.0).powi(2), ..known }
    }

    /// Fuses two rankings: `score = Σ weight / (k + rank)`, best first, ties by chunk id. The first hit of the words
    /// is among the first three; where its score alone would not bring it there, it takes the score of the third. No
    /// hit is marked used.
    #[must_use]
    pub fn fuse(self, vector: &[IndexHit], lexical: &[IndexHit]) -> Vec<RetrievalHit> {
        let mut hits: HashMap<ChunkId, RetrievalHit> = HashMap::new();
        for (rank, hit) in (1u32..).zip(vector) {
            let entry = hits.entry(hit.chunk_id).or_insert_with(|| unranked(hit.chunk_id));
            entry.vector_rank = Some(rank);
            entry.vector_score = Some(hit.score);
            entry.score += self.vector_weight / (self.k + f64::from(rank));
        }
        for (rank, hit) in (1u32..).zip(lexical) {
            let entry = hits.entry(hit.chunk_id).or_insert_with(|| unranked(hit.chunk_id));
            entry.lexical_rank = Some(rank);
            entry.lexical_score = Some(hit.score);
            entry.score += self.lexical_weight / (self.k + f64::from(rank));
        }
        let mut hits: Vec<RetrievalHit> = hits.into_values().collect();
        hits.sort_by(|a, b| {
            b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal).then_with(|| a.chunk_id.cmp(&b.chunk_id))
        });
        raise_first_of_words(&mut hits);
        for (rank, hit) in (1u32..).zip(&mut hits) {
            hit.rank = rank;
        }
        hits
    }
}

fn raise_first_of_words(hits: &mut [RetrievalHit]) {
    let last = PLACES_WITH_FIRST_WORDS - 1;
    let Some(at) = hits.iter().position(|hit| hit.lexical_rank == Some(1)).filter(|at| *at > last) else { return };
    hits[at].score = hits[last].score;
    hits[last..=at].rotate_right(1);
}

fn unranked(chunk_id: ChunkId) -> RetrievalHit {
    RetrievalHit {
        chunk_id,
        rank: 0,
        score: 0.0,
        vector_rank: None,
        vector_score: None,
        lexical_rank: None,
        lexical_score: None,
        is_used: false,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn hit(id: u128) -> IndexHit {
        IndexHit { chunk_id: Uuid::from_u128(id).into(), score: 0.5 }
    }

    #[test]
    fn a_chunk_in_both_rankings_gathers_both_scores() {
        let fused = Fusion::default().fuse(&[hit(1), hit(2)], &[hit(2)]);
        let best = fused[0];
        assert_eq!(
            (best.chunk_id.0.as_u128(), best.rank, best.vector_rank, best.lexical_rank),
            (2, 1, Some(2), Some(1))
        );
        assert!((best.score - (3.0 / 12.0 + 1.0 / 11.0)).abs() < 1e-12);
    }

    #[test]
    fn vectors_of_a_strange_language_do_not_drown_the_words() {
        let vector: Vec<IndexHit> = (100..150).map(hit).chain([hit(2)]).collect();
        let lexical = [hit(1), hit(2), hit(3)];
        let first = |familiarity| {
            let fused = Fusion::for_familiarity(familiarity).fuse(&vector, &lexical);
            fused.iter().take(3).map(|hit| hit.chunk_id.0.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(first(0.0), [1, 2, 3]);
        assert_eq!(first(1.0), [100, 101, 1]);
        assert_eq!(Fusion::for_familiarity(1.0), Fusion::default());
        assert_eq!(Fusion::for_familiarity(0.0).fuse(&vector, &[])[0].chunk_id, vector[0].chunk_id);
    }

    #[test]
    fn the_first_hit_of_the_words_is_among_the_first_three() {
        let vector: Vec<IndexHit> = (100..150).map(hit).collect();
        let fused = Fusion::default().fuse(&vector, &[hit(1), hit(2)]);
        let ids: Vec<u128> = fused.iter().take(4).map(|hit| hit.chunk_id.0.as_u128()).collect();
        assert_eq!(ids, [100, 101, 1, 102]);
        assert!(fused.is_sorted_by(|one, other| one.score >= other.score && one.rank < other.rank));
        let fused = Fusion::default().fuse(&vector, &[hit(100)]);
        assert_eq!(fused[0].chunk_id.0.as_u128(), 100);
    }

    #[test]
    fn ties_are_broken_by_chunk_id() {
        let even = Fusion { k: 10.0, vector_weight: 1.0, lexical_weight: 1.0 };
        let fused = even.fuse(&[hit(9)], &[hit(3)]);
        assert_eq!(fused.iter().map(|hit| hit.chunk_id.0.as_u128()).collect::<Vec<_>>(), [3, 9]);
    }
}
