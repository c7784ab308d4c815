//! Cuts documents into chunks: sections by headings, then paragraphs, then sentences.
//!
//! Sizes count what is embedded: the heading path and the content. Every text is counted once as a
//! piece and once as part of its chunk, so the cost grows with the text, not with its square.

use std::ops::Range;

use crate::{
    gateways::ParsedDocument,
    knowledge::{BlockKind, ChunkingSettings, chunk::embedded_text, scalars::ScalarCursor},
};

mod pieces;
mod sections;
mod split;

use pieces::{Piece, Sizes};
use sections::Section;

/// The smallest limit that is kept, in tokens: below, not even a word would fit.
pub const MIN_CHUNK_TOKENS: u32 = 16;
/// Most Unicode scalar values of a chunk for each token of its limit. Encoders may count a word of
/// any length as one unknown token; this keeps chunks readable.
pub const MAX_CHARS_PER_TOKEN: usize = 16;
/// A text that must be cut goes into about so many pieces for each chunk.
const PIECES_PER_CHUNK: u32 = 8;

/// A chunk before it has an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkDraft {
    /// Its place in the document, from 0.
    pub ordinal: u32,
    /// Its text, exactly `start..end` of the document's text.
    pub content: String,
    /// The headings above it, outermost first; the outer ones are left out where they would take
    /// more than half of the limit.
    pub heading_path: Vec<String>,
    /// Page of its start, from 1.
    pub page: Option<u32>,
    /// First Unicode scalar value in the document's text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Tokens of what is embedded.
    pub token_count: u32,
}

/// Cuts a document into chunks, in order. `window` is the model's limit in tokens and
/// `count_tokens` its count of a text; no chunk counts more than the smaller of `max_tokens` and
/// `window` (but see [`MIN_CHUNK_TOKENS`]).
///
/// All text of the document's blocks is in some chunk, except headings above text, which are in
/// its heading path, and white space at the edges. A heading with nothing below it is a chunk.
#[must_use]
pub fn chunk(
    document: &ParsedDocument,
    settings: &ChunkingSettings,
    window: u32,
    count_tokens: &dyn Fn(&str) -> u32,
) -> Vec<ChunkDraft> {
    let limit = settings.max_tokens.min(window).max(MIN_CHUNK_TOKENS);
    let mut chunker = Chunker {
        text: &document.text,
        limit,
        target: settings.target_tokens.min(limit),
        overlap: settings.overlap_tokens.min(settings.target_tokens.min(limit) / 2),
        count: count_tokens,
        starts: ScalarCursor::new(&document.text),
        ends: ScalarCursor::new(&document.text),
        drafts: Vec::new(),
    };
    for section in sections::sections(document) {
        chunker.cut_section(section);
    }
    chunker.drafts
}

/// The parts of a text that each fit a model's window, in order: the whole where it does, else halves of halves, cut at
/// white space where there is any. Each part is counted once on the way, so that costs grow with the text times the
/// logarithm of the number of parts.
#[must_use]
pub fn windows<'a>(text: &'a str, window: u32, count_tokens: &dyn Fn(&str) -> u32) -> Vec<&'a str> {
    let mut fitting = Vec::new();
    let whole = 0..text.len();
    let mut waiting = vec![whole];
    while let Some(range) = waiting.pop() {
        let part = &text[range.clone()];
        if part.chars().nth(1).is_none() || count_tokens(part) <= window {
            fitting.push(part);
        } else {
            waiting.extend(split::halves(text, &range).into_iter().rev().filter(|half| !half.is_empty()));
        }
    }
    fitting
}

struct Chunker<'a> {
    text: &'a str,
    limit: u32,
    target: u32,
    overlap: u32,
    count: &'a dyn Fn(&str) -> u32,
    starts: ScalarCursor<'a>,
    ends: ScalarCursor<'a>,
    drafts: Vec<ChunkDraft>,
}

impl Chunker<'_> {
    fn cut_section(&mut self, section: Section) {
        let (path, path_tokens) = self.fitting_path(section.path);
        let sizes =
            Sizes { text: self.text, limit: self.limit - path_tokens, overhead: (self.count)(""), count: self.count };
        let target = self.target.saturating_sub(path_tokens).max(1);
        let grain = target / PIECES_PER_CHUNK;
        let pieces: Vec<Piece> = section.blocks.iter().flat_map(|block| sizes.pieces_of(block, grain)).collect();
        let mut rest: u64 = pieces.iter().map(|piece| u64::from(piece.tokens)).sum();
        let mut queue = pieces.into_iter().peekable();
        let mut last_chunk: Option<(usize, Piece)> = None;
        while let Some(first) = queue.next() {
            let last_page = last_chunk.as_ref().map(|(_, last)| last.page);
            let shared = last_chunk.and_then(|(start, last)| sizes.overlap(&last, start, self.overlap));
            let shared = shared.filter(|(_, tokens)| tokens + first.tokens <= sizes.limit);
            let (start, mut tokens) = shared.unwrap_or((first.range.start, 0));
            rest -= u64::from(first.tokens);
            tokens += first.tokens;
            let mut taken = vec![first];
            while let Some(next) = queue
                .next_if(|next| tokens + next.tokens <= target && sizes.has_readable_length(&(start..next.range.end)))
            {
                rest -= u64::from(next.tokens);
                tokens += next.tokens;
                taken.push(next);
            }
            // A short rest joins its neighbour where the limit allows.
            if rest <= u64::from(target / 4) && u64::from(tokens) + rest <= u64::from(sizes.limit) {
                taken.extend(queue.by_ref());
                rest = 0;
            }
            let page = last_page.filter(|_| start < taken[0].range.start).unwrap_or(taken[0].page);
            last_chunk = self.emit(&path, (start, page), taken, &sizes);
        }
    }

    /// Makes a chunk from `start`, on its page, over the pieces; more than one where their joint
    /// count is above the limit although the sum of their counts is not. Returns the last chunk's
    /// start and piece.
    fn emit(
        &mut self,
        path: &[String],
        start: (usize, Option<u32>),
        taken: Vec<Piece>,
        sizes: &Sizes<'_>,
    ) -> Option<(usize, Piece)> {
        let mut waiting = vec![(start, taken)];
        let mut emitted = None;
        while let Some(((start, page), mut taken)) = waiting.pop() {
            let (Some(first), Some(last)) = (taken.first().cloned(), taken.last().cloned()) else { continue };
            let range = start..last.range.end;
            let content = &self.text[range.clone()];
            let is_single = taken.len() == 1 && start == first.range.start && !first.can_be_halved(self.text);
            let tokens = (is_single || sizes.has_readable_length(&range))
                .then(|| (self.count)(&embedded_text(path, content)))
                .filter(|tokens| is_single || *tokens <= self.limit);
            if let Some(tokens) = tokens {
                self.push(path, range.clone(), page, tokens);
                emitted = Some((range.start, last));
            } else if start < first.range.start {
                waiting.push(((first.range.start, first.page), taken));
            } else {
                if taken.len() == 1 {
                    taken = first.halves(self.text).into();
                }
                let second = taken.split_off(taken.len().div_ceil(2));
                if let Some(piece) = second.first() {
                    waiting.push(((piece.range.start, piece.page), second));
                }
                waiting.push(((first.range.start, first.page), taken));
            }
        }
        emitted
    }

    fn push(&mut self, path: &[String], range: Range<usize>, page: Option<u32>, token_count: u32) {
        self.drafts.push(ChunkDraft {
            ordinal: u32::try_from(self.drafts.len()).unwrap_or(u32::MAX),
            content: self.text[range.clone()].to_owned(),
            heading_path: path.to_vec(),
            page,
            start: self.starts.scalar_of(range.start),
            end: self.ends.scalar_of(range.end),
            token_count,
        });
    }

    /// The heading path without its outer headings as long as it takes more than half of the
    /// limit, and its tokens.
    fn fitting_path(&self, mut path: Vec<String>) -> (Vec<String>, u32) {
        while !path.is_empty() {
            let tokens = (self.count)(&embedded_text(&path, "")).saturating_sub((self.count)(""));
            if tokens <= self.limit / 2 {
                return (path, tokens);
            }
            path.remove(0);
        }
        (path, 0)
    }
}

#[cfg(test)]
mod tests;
