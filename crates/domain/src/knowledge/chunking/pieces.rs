//! Pieces: what is packed into chunks, each small enough to be one by itself.

use std::ops::Range;

use super::{
    BlockKind, MAX_CHARS_PER_TOKEN,
    sections::Text,
    split::{self, Level},
};

/// A part of a block that is not cut any more, with its tokens.
#[derive(Clone)]
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    pub(super) tokens: u32,
    pub(super) page: Option<u32>,
    /// How its block is cut.
    levels: &'static [Level],
}

/// Prose is cut at sentences, and only then at lines, as these may be mere line wraps.
const PROSE: &[Level] = &[Level::Sentences, Level::Lines];
/// Code, tables and lists keep their lines.
const LINES: &[Level] = &[Level::Lines];

impl Piece {
    pub(super) fn can_be_halved(&self, text: &str) -> bool {
        text[self.range.clone()].chars().nth(1).is_some()
    }

    /// The piece in two, cut near the middle.
    pub(super) fn halves(&self, text: &str) -> [Self; 2] {
        split::halves(text, &self.range).map(|range| Self { range, tokens: self.tokens.div_ceil(2), ..self.clone() })
    }
}

/// Measures pieces of the text of one section.
pub(super) struct Sizes<'a> {
    pub(super) text: &'a str,
    /// Most tokens of a chunk beside its heading path.
    pub(super) limit: u32,
    /// What `count` returns for an empty text.
    pub(super) overhead: u32,
    pub(super) count: &'a dyn Fn(&str) -> u32,
}

impl Sizes<'_> {
    /// Whether a content is not too long for the limit, whatever its tokens.
    pub(super) fn has_readable_length(&self, range: &Range<usize>) -> bool {
        let most = MAX_CHARS_PER_TOKEN * self.limit as usize;
        range.len() <= most || self.text[range.clone()].chars().nth(most).is_none()
    }

    /// Tokens of a range, without what any text costs.
    fn tokens(&self, range: &Range<usize>) -> u32 {
        (self.count)(&self.text[range.clone()]).saturating_sub(self.overhead)
    }

    /// Tokens of a range that can be a chunk by itself.
    fn fitting(&self, range: &Range<usize>) -> Option<u32> {
        let most = self.limit.saturating_sub(self.overhead);
        let tokens = self.has_readable_length(range).then(|| self.tokens(range))?;
        (tokens <= most).then_some(tokens)
    }

    /// A block, whole where it fits, else in parts that do.
    pub(super) fn pieces_of(&self, block: &Text, grain: u32) -> Vec<Piece> {
        let levels = match block.kind {
            BlockKind::Heading { .. } | BlockKind::Paragraph => PROSE,
            BlockKind::List | BlockKind::Table | BlockKind::Code => LINES,
        };
        let whole = Piece { range: block.range.clone(), tokens: 0, page: block.page, levels };
        let mut cut = Cut { sizes: self, grain, whole, done: Vec::new() };
        match self.fitting(&block.range) {
            Some(tokens) => cut.push(block.range.clone(), tokens),
            None => cut.finer(block.range.clone(), levels),
        }
        cut.done
    }

    /// Where a chunk after one that began at `start` and ended with `last` begins, if it shares up
    /// to `most` tokens with it, and how many it shares.
    pub(super) fn overlap(&self, last: &Piece, start: usize, most: u32) -> Option<(usize, u32)> {
        last.levels.iter().chain(&[Level::Words]).find_map(|level| {
            let mut shared = None;
            let mut tokens = 0;
            for part in split::parts(self.text, &last.range, *level).collect::<Vec<_>>().into_iter().rev() {
                // A part with more bytes than this is above any overlap; it need not be counted.
                if part.len() > 4 * MAX_CHARS_PER_TOKEN * most as usize {
                    break;
                }
                tokens += self.tokens(&part);
                if tokens > most || part.start <= start {
                    break;
                }
                shared = Some((part.start, tokens));
            }
            shared
        })
    }
}

/// The cutting of one block.
struct Cut<'a> {
    sizes: &'a Sizes<'a>,
    /// Parts are put together again up to this many tokens.
    grain: u32,
    whole: Piece,
    done: Vec<Piece>,
}

impl Cut<'_> {
    /// Cuts a range that does not fit: at the first of these levels, and its parts at the others.
    fn finer(&mut self, range: Range<usize>, levels: &[Level]) {
        let Some((level, finer)) = levels.split_first() else { return self.halve(range) };
        for part in split::parts(self.sizes.text, &range, *level) {
            match self.sizes.fitting(&part) {
                Some(tokens) => self.push(part, tokens),
                None => self.finer(part, finer),
            }
        }
    }

    /// Halves a range until its parts are about as large as the grain.
    fn halve(&mut self, range: Range<usize>) {
        let mut waiting = vec![range];
        while let Some(range) = waiting.pop() {
            let is_single = self.sizes.text[range.clone()].chars().nth(1).is_none();
            match self.sizes.fitting(&range) {
                Some(tokens) if tokens <= self.grain || is_single => self.push(range, tokens),
                None if is_single => self.push(range.clone(), self.sizes.tokens(&range)),
                _ => waiting.extend(split::halves(self.sizes.text, &range).into_iter().rev()),
            }
        }
    }

    fn push(&mut self, range: Range<usize>, tokens: u32) {
        if let Some(last) = self.done.last_mut() {
            let joined = last.range.start..range.end;
            if last.tokens + tokens <= self.grain && self.sizes.has_readable_length(&joined) {
                last.range = joined;
                last.tokens += tokens;
                return;
            }
        }
        self.done.push(Piece { range, tokens, ..self.whole.clone() });
    }
}
