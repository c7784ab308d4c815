//! Where a text may be cut.

use std::ops::Range;

/// How fine a text is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// After `.`, `!`, `?` and their like, with the quotes and brackets that close there, before
    /// white space and anything but a small letter (a simple form of Unicode's UAX #29), and at
    /// blank lines. The full stops of Chinese and Japanese need no white space.
    Sentences,
    /// At line breaks.
    Lines,
    /// At white space.
    Words,
}

/// The parts of a range, in order, without the white space between them.
pub(super) fn parts<'a>(text: &'a str, range: &Range<usize>, level: Level) -> impl Iterator<Item = Range<usize>> + 'a {
    let Range { mut start, end } = *range;
    let mut ends = Ends { text: &text[range.clone()], at: 0, level };
    std::iter::from_fn(move || {
        (start < end).then(|| {
            let next = end - ends.text.len() + ends.next();
            trimmed(text, std::mem::replace(&mut start, next)..next)
        })
    })
    .filter(|part| !part.is_empty())
}

/// A range without the white space at its edges.
pub(super) fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let slice = &text[range.clone()];
    let end = range.start + slice.trim_end().len();
    (range.end - slice.trim_start().len()).min(end)..end
}

/// A range of two characters or more in two, at white space where there is any in it, without the
/// white space around the cut.
pub(super) fn halves(text: &str, range: &Range<usize>) -> [Range<usize>; 2] {
    let slice = &text[range.clone()];
    let first = slice.chars().next().map_or(0, char::len_utf8);
    let middle = slice.floor_char_boundary(slice.len() / 2).max(first);
    let gap = slice[..middle].rfind(char::is_whitespace).filter(|gap| *gap > 0);
    let gap = gap.or_else(|| slice[middle..].find(char::is_whitespace).map(|gap| middle + gap));
    let cut = range.start + gap.unwrap_or(middle);
    [trimmed(text, range.start..cut), trimmed(text, cut..range.end)]
}

/// Finds the ends of parts, one after the other.
struct Ends<'a> {
    text: &'a str,
    /// Where the search goes on.
    at: usize,
    level: Level,
}

impl Ends<'_> {
    /// The next end, at last that of the text.
    fn next(&mut self) -> usize {
        let rest = &self.text[self.at..];
        let length = match self.level {
            Level::Sentences => sentence(rest),
            Level::Lines => rest.find('\n').map(|at| at + 1),
            Level::Words => words(rest),
        };
        self.at = length.map_or(self.text.len(), |length| self.at + length);
        self.at
    }
}

/// The length of the word at the start and the white space after it.
fn words(text: &str) -> Option<usize> {
    let gap = text.find(char::is_whitespace)?;
    text[gap..].find(|character: char| !character.is_whitespace()).map(|length| gap + length)
}

/// The length of the sentence at the start and the white space after it; `None` for the last.
fn sentence(text: &str) -> Option<usize> {
    let mut after_mark = false;
    // The kind of white space since the last visible character, if any: line breaks in it.
    let mut gap: Option<usize> = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character.is_whitespace() {
            *gap.get_or_insert(0) += usize::from(character == '\n');
            continue;
        }
        if let Some(breaks) = gap.take() {
            if at > 0 && (breaks >= 2 || (after_mark && !character.is_lowercase())) {
                return Some(at);
            }
            after_mark = false;
        }
        match character {
            '.' | '!' | '?' | '…' | '‽' | '؟' | '۔' | '።' => after_mark = true,
            '。' | '！' | '？' | '｡' | '।' | '॥' | '။' | '។' | '།' => {
                after_mark = true;
                if let Some((next, _)) = characters.peek().filter(|(_, next)| !closes(*next) && !next.is_whitespace()) {
                    return Some(*next);
                }
            }
            closing if after_mark && closes(closing) => {}
            _ => after_mark = false,
        }
    }
    None
}

fn closes(character: char) -> bool {
    matches!(character, '"' | '\'' | ')' | ']' | '}' | '”' | '’' | '»' | '›' | '」' | '』' | '）' | '】')
}
