//! A segment: an inverted index of the chunks of some versions. It never changes.

use std::{collections::HashMap, ops::Range};

use domain::knowledge::words::Cutter;
use sea_orm::prelude::Uuid;

/// Bits of a posting that say how often the chunk holds the word; more often counts as this often.
const TIMES_BITS: u32 = 8;
const TIMES_MASK: u32 = (1 << TIMES_BITS) - 1;
/// Memory that a word takes beside its letters: its entry in the table, and what the allocator adds.
const WORD_BYTES: usize = 56;

/// A chunk that holds a word: its number in the segment, and how often it holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Posting(u32);

impl Posting {
    fn new(chunk: usize, times: u32) -> Self {
        Self((chunk as u32) << TIMES_BITS | times.min(TIMES_MASK))
    }

    pub(super) const fn chunk(self) -> usize {
        (self.0 >> TIMES_BITS) as usize
    }

    pub(super) const fn times(self) -> u32 {
        self.0 & TIMES_MASK
    }
}

/// A chunk of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexedChunk {
    pub(super) id: Uuid,
    /// The number of its version in the segment.
    pub(super) version: u32,
    /// How many words it has.
    pub(super) length: u32,
}

/// An inverted index of the chunks of some versions.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub(super) versions: Vec<Uuid>,
    pub(super) chunks: Vec<IndexedChunk>,
    words: HashMap<Box<str>, Range<u32>>,
    postings: Vec<Posting>,
}

impl Segment {
    /// Most chunks of one segment.
    pub(super) const MAX_CHUNKS: usize = 1 << (u32::BITS - TIMES_BITS);

    /// The chunks that hold a word.
    pub(super) fn postings(&self, word: &str) -> &[Posting] {
        let range = self.words.get(word).cloned().unwrap_or_default();
        self.postings.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// About the memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        let letters: usize = self.words.keys().map(|word| word.len() + WORD_BYTES).sum();
        letters
            + size_of_val(self.versions.as_slice())
            + size_of_val(self.chunks.as_slice())
            + size_of_val(self.postings.as_slice())
    }

    /// One segment of what is live in these; `is_live` tells it of each version's number.
    pub(super) fn merged(parts: &[(&Self, &[bool])]) -> Self {
        let mut merged = Builder::default();
        for (segment, is_live) in parts {
            let mut versions = vec![0; segment.versions.len()];
            for (number, version) in segment.versions.iter().enumerate().filter(|(number, _)| is_live[*number]) {
                versions[number] = merged.segment.versions.len() as u32;
                merged.segment.versions.push(*version);
            }
            let mut numbers = vec![None; segment.chunks.len()];
            for (number, chunk) in segment.chunks.iter().enumerate() {
                let version = chunk.version as usize;
                if is_live[version] {
                    numbers[number] = Some(merged.segment.chunks.len());
                    merged.segment.chunks.push(IndexedChunk { version: versions[version], ..*chunk });
                }
            }
            for (word, range) in &segment.words {
                let list = &segment.postings[range.start as usize..range.end as usize];
                let mut kept = list
                    .iter()
                    .filter_map(|posting| Some(Posting::new(numbers[posting.chunk()]?, posting.times())))
                    .peekable();
                if kept.peek().is_some() {
                    let word = merged.number_of(word);
                    merged.lists[word].extend(kept);
                }
            }
        }
        merged.finish()
    }
}

/// A segment in the making.
#[derive(Default)]
pub(in crate::index) struct Builder {
    segment: Segment,
    /// The number of each word.
    numbers: HashMap<Box<str>, usize>,
    lists: Vec<Vec<Posting>>,
    cutter: Cutter,
    /// How often the chunk at hand holds each word, and which it holds.
    times: Vec<u32>,
    held: Vec<usize>,
}

impl Builder {
    fn number_of(&mut self, word: &str) -> usize {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.lists.len();
        self.numbers.insert(word.into(), number);
        self.lists.push(Vec::new());
        self.times.push(0);
        number
    }

    /// Adds a version; the chunks that follow are its own.
    pub(super) fn add_version(&mut self, version: Uuid) {
        self.segment.versions.push(version);
    }

    /// Adds a chunk of the version that was added last.
    pub(super) fn add_chunk(&mut self, id: Uuid, texts: &[&str]) {
        let mut length = 0;
        let mut cutter = std::mem::take(&mut self.cutter);
        cutter.each_term(texts, |term| {
            let number = self.number_of(term);
            length += 1;
            if self.times[number] == 0 {
                self.held.push(number);
            }
            self.times[number] += 1;
        });
        self.cutter = cutter;
        let chunk = self.segment.chunks.len();
        for number in self.held.drain(..) {
            self.lists[number].push(Posting::new(chunk, std::mem::take(&mut self.times[number])));
        }
        let version = self.segment.versions.len().saturating_sub(1) as u32;
        self.segment.chunks.push(IndexedChunk { id, version, length });
    }

    /// The segment.
    pub(super) fn finish(self) -> Segment {
        let Self { mut segment, numbers, lists, .. } = self;
        let mut postings = Vec::with_capacity(lists.iter().map(Vec::len).sum());
        let mut ranges = Vec::with_capacity(lists.len());
        for list in lists {
            let start = postings.len() as u32;
            postings.extend(list);
            ranges.push(start..postings.len() as u32);
        }
        segment.words = numbers.into_iter().map(|(word, number)| (word, ranges[number].clone())).collect();
        segment.words.shrink_to_fit();
        segment.postings = postings;
        segment
    }
}
