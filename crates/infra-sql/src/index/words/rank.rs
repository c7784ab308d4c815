//! BM25 (Robertson and Zaragoza 2009, equation 3.15) over segments.

use domain::knowledge::words::QuestionWord;
use sea_orm::prelude::Uuid;

use super::segment::Segment;
use crate::index::best::{Best, Scored};

/// How fast a further occurrence of a word stops to matter. This and the next are the usual ones for passages
/// (Lin, Ma and others, "Pyserini", SIGIR 2021); over the Python manual they fuse better with vectors than 1.2 and
/// 0.75 do, and rank as well alone.
const K1: f32 = 0.9;
/// How much a long chunk's occurrences count for less.
const B: f32 = 0.4;

/// A segment as one question sees it.
pub(super) struct View<'a> {
    pub(super) segment: &'a Segment,
    /// Whether the question may find the chunks of a version, by its number.
    pub(super) is_live: Vec<bool>,
}

impl View<'_> {
    fn is_whole(&self) -> bool {
        self.is_live.iter().all(|is_live| *is_live)
    }

    fn is_live(&self, chunk: usize) -> bool {
        self.is_live[self.segment.chunks[chunk].version as usize]
    }

    /// How many live chunks hold a word.
    fn holders(&self, word: &str) -> usize {
        let postings = self.segment.postings(word);
        if self.is_whole() {
            return postings.len();
        }
        postings.iter().filter(|posting| self.is_live(posting.chunk())).count()
    }
}

/// The inverse document frequency, with 1 added under the logarithm so that no weight is negative.
fn weight(holders: usize, chunks: usize) -> f32 {
    let (holders, chunks) = (holders as f32, chunks as f32);
    (1.0 + (chunks - holders + 0.5) / (holders + 0.5)).ln()
}

/// The live chunks that hold any of the words, the best first. What is not live counts for nothing: not
/// for how rare a word is, nor for how long chunks are. The terms of a word, of which a chunk mostly holds one, are as
/// rare as all of them together.
pub(super) fn rank(views: &[View<'_>], words: &[QuestionWord], limit: usize) -> Vec<Scored> {
    let live = views.iter().flat_map(|view| {
        view.segment.chunks.iter().filter(|chunk| view.is_live[chunk.version as usize]).map(|chunk| chunk.length)
    });
    let (chunks, length) = live.fold((0_usize, 0_u64), |(n, sum), length| (n + 1, sum + u64::from(length)));
    let mean = (length as f32 / chunks.max(1) as f32).max(1.0);
    let holders = |term: &str| views.iter().map(|view| view.holders(term)).sum::<usize>();
    let mut weighted: Vec<(&str, f32)> = Vec::new();
    for word in words {
        let held = word.iter().map(|term| (term.as_str(), holders(term))).filter(|(_, holders)| *holders > 0);
        let held: Vec<(&str, usize)> = held.collect();
        let all = held.iter().map(|(_, holders)| holders).sum::<usize>().min(chunks);
        weighted.extend(held.into_iter().map(|(term, _)| (term, weight(all, chunks))));
    }
    let mut best = Best::new(limit);
    for view in views {
        let mut scores = vec![0.0_f32; view.segment.chunks.len()];
        for (word, weight) in &weighted {
            for posting in view.segment.postings(word) {
                let times = posting.times() as f32;
                let length = view.segment.chunks[posting.chunk()].length as f32;
                let held = times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length / mean));
                scores[posting.chunk()] += weight * held;
            }
        }
        for (chunk, score) in scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0) {
            if view.is_live(chunk) {
                let id: Uuid = view.segment.chunks[chunk].id;
                best.offer(Scored { score: f64::from(score), chunk: id });
            }
        }
    }
    best.into_sorted()
}
