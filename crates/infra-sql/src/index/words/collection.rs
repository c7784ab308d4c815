//! The words of a collection in one generation of it, as a few segments.
//!
//! Versions never change, so a new generation takes over the segments of the one before. What is new
//! becomes a segment of its own; neighbours of much the same size are merged, so that there are few
//! segments and each chunk is merged a few times only (as by O'Neil and others, "The Log-Structured
//! Merge-Tree", Acta Informatica 33, 1996). Versions that are gone stay in their segment until half of it
//! is dead.

use std::{collections::HashSet, sync::Arc};

use sea_orm::prelude::Uuid;

use super::{
    rank::View,
    segment::{Builder, Segment},
};
use crate::index::kept::{self, Current};

/// A segment is merged with the one after it unless it is so many times larger.
const GROWTH: usize = 4;

/// A segment, and which of its versions are current.
#[derive(Debug, Clone)]
struct Part {
    segment: Arc<Segment>,
    is_live: Vec<bool>,
    live_chunks: usize,
}

impl Part {
    fn new(segment: Arc<Segment>, current: &Current) -> Self {
        let is_live: Vec<bool> = segment.versions.iter().map(|version| current.contains_key(version)).collect();
        let live_chunks = segment.chunks.iter().filter(|chunk| is_live[chunk.version as usize]).count();
        Self { segment, is_live, live_chunks }
    }

    fn merged(parts: &[&Self]) -> Self {
        let live: Vec<_> = parts.iter().map(|part| (part.segment.as_ref(), part.is_live.as_slice())).collect();
        let segment = Arc::new(Segment::merged(&live));
        let (is_live, live_chunks) = (vec![true; segment.versions.len()], segment.chunks.len());
        Self { segment, is_live, live_chunks }
    }
}

/// The words of all current versions of a collection in one generation of it.
#[derive(Debug, Default)]
pub(in crate::index) struct CollectionWords {
    generation: i64,
    is_partial: bool,
    parts: Vec<Part>,
}

impl kept::Part for CollectionWords {
    type Added = Builder;

    fn generation(&self) -> i64 {
        self.generation
    }

    fn is_partial(&self) -> bool {
        self.is_partial
    }

    fn versions(&self) -> HashSet<Uuid> {
        self.parts.iter().flat_map(|part| part.segment.versions.iter().copied()).collect()
    }

    fn advanced(&self, generation: i64, current: &Current, added: Builder) -> Self {
        let added = added.finish();
        let is_partial = self.missing(current).len() > added.versions.len();
        let known = self.parts.iter().map(|part| Arc::clone(&part.segment)).chain([Arc::new(added)]);
        let mut parts: Vec<Part> = Vec::new();
        for part in known.map(|segment| Part::new(segment, current)).filter(|part| part.live_chunks > 0) {
            let is_half_dead = part.live_chunks * 2 < part.segment.chunks.len();
            let mut part = if is_half_dead { Part::merged(&[&part]) } else { part };
            while let Some(last) = parts.last()
                && last.live_chunks < GROWTH * part.live_chunks
                && last.live_chunks + part.live_chunks < Segment::MAX_CHUNKS
            {
                part = Part::merged(&[last, &part]);
                parts.pop();
            }
            parts.push(part);
        }
        Self { generation, is_partial, parts }
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.segment.bytes() + part.is_live.len()).sum()
    }
}

impl CollectionWords {
    /// The segments as one question sees them: all current versions, or those of them that are allowed.
    pub(super) fn views(&self, allowed: Option<&HashSet<Uuid>>) -> impl Iterator<Item = View<'_>> {
        self.parts.iter().map(move |part| {
            let mut is_live = part.is_live.clone();
            if let Some(allowed) = allowed {
                for (is_live, version) in is_live.iter_mut().zip(&part.segment.versions) {
                    *is_live &= allowed.contains(version);
                }
            }
            View { segment: &part.segment, is_live }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{kept::Part as _, words::rank::rank};

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    /// A segment of versions, each with the chunks' ids and texts.
    fn segment(versions: &[(u128, &[(u128, &str)])]) -> Builder {
        let mut builder = Builder::default();
        for (version, chunks) in versions {
            builder.add_version(id(*version));
            for (chunk, words) in *chunks {
                builder.add_chunk(id(*chunk), &[words]);
            }
        }
        builder
    }

    fn found(words: &CollectionWords, question: &str, allowed: Option<&HashSet<Uuid>>) -> Vec<(u128, i64)> {
        let views: Vec<_> = words.views(allowed).collect();
        let ranked = rank(&views, &domain::knowledge::words::of_question(question), 10);
        ranked.iter().map(|scored| (scored.chunk.as_u128(), (scored.score * 1e3) as i64)).collect()
    }

    fn current(versions: &[u128]) -> Current {
        versions.iter().map(|version| (id(*version), 1)).collect()
    }

    const FIRST: &[(u128, &str)] = &[(11, "red apples"), (12, "green apples and pears")];
    const SECOND: &[(u128, &str)] = &[(21, "red wine, red cheese"), (22, "nothing")];
    const THIRD: &[(u128, &str)] = &[(31, "apple")];

    #[test]
    fn a_generation_that_was_reached_by_steps_is_that_which_was_built_at_once() {
        let at_once = CollectionWords::default().advanced(3, &current(&[1, 3]), segment(&[(1, FIRST), (3, THIRD)]));
        let steps = CollectionWords::default()
            .advanced(1, &current(&[1, 2]), segment(&[(1, FIRST), (2, SECOND)]))
            .advanced(2, &current(&[1, 2, 3]), segment(&[(3, THIRD)]))
            .advanced(3, &current(&[1, 3]), Builder::default());
        assert_eq!(found(&at_once, "red apple", None), found(&steps, "red apple", None));
        assert_eq!(found(&steps, "cheese", None), []);
        assert_eq!(steps.missing(&current(&[1, 3, 4])), current(&[4]));
        assert!(!at_once.is_partial && !steps.is_partial);
        assert!(steps.advanced(4, &current(&[1, 4, 5]), segment(&[(4, SECOND)])).is_partial);
    }

    #[test]
    fn what_is_not_allowed_is_as_if_it_were_not_there() {
        let all = CollectionWords::default().advanced(
            1,
            &current(&[1, 2, 3]),
            segment(&[(1, FIRST), (2, SECOND), (3, THIRD)]),
        );
        let alone = CollectionWords::default().advanced(1, &current(&[1]), segment(&[(1, FIRST)]));
        let allowed = HashSet::from([id(1), id(9)]);
        assert_eq!(found(&all, "red apples", Some(&allowed)), found(&alone, "red apples", None));
        assert_ne!(found(&all, "red apples", None), found(&alone, "red apples", None));
    }

    #[test]
    fn dead_versions_leave_and_small_segments_are_merged() {
        let mut words = CollectionWords::default();
        let mut live = Current::new();
        for version in 0..100 {
            live.insert(id(version), 1);
            words = words.advanced(version as i64, &live, segment(&[(version, &[(1_000 + version, "word")])]));
        }
        assert!(words.parts.len() < 8, "{} segments", words.parts.len());
        let most = words.bytes();
        let words = words.advanced(100, &current(&[7]), Builder::default());
        assert_eq!(found(&words, "word", None).len(), 1);
        assert!(words.parts.len() == 1 && words.parts[0].segment.chunks.len() == 1 && words.bytes() < most);
    }

    #[test]
    fn rare_and_repeated_words_and_short_chunks_weigh_more() {
        let words = CollectionWords::default().advanced(
            1,
            &current(&[1, 2, 3]),
            segment(&[(1, FIRST), (2, SECOND), (3, THIRD)]),
        );
        let ids = |question| found(&words, question, None).iter().map(|(chunk, _)| *chunk).collect::<Vec<_>>();
        assert_eq!(ids("apple"), [31, 11, 12]);
        assert_eq!(ids("red"), [21, 11]);
        assert_eq!(ids("cheese apples"), [21, 31, 11, 12]);
        assert_eq!(ids("elephant"), []);
    }
}
