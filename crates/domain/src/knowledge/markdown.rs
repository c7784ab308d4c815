//! Text and Markdown as documents: the text stays as it is but for its line ends, words that were broken at
//! them, and HTML in Markdown; its blocks are found line by line.
//!
//! Only the block structure of Markdown is read, and each line once, so that no nesting costs
//! more than its length. Marks inside a line stay in the text.

use std::ops::Range;

use crate::{
    gateways::ParsedDocument,
    knowledge::{Block, BlockKind, scalars::ScalarCursor},
};

mod hyphens;
mod lines;
mod markup;

use lines::{Fence, Line};
pub use markup::tag as html_tag;

/// How many lines the metadata between `---` at the top of a file may have.
const MAX_FRONT_MATTER_LINES: usize = 200;

/// Plain text: paragraphs between blank lines. Lines end in line feeds, NUL (U+0000) is dropped, and words that
/// were broken at the end of a line are put together where that is sure.
#[must_use]
pub fn parse_plain_text(text: impl Into<String>) -> ParsedDocument {
    let text = hyphens::joined(with_line_feeds(text.into()));
    let mut blocks = Blocks::default();
    for line in lines::split(&text) {
        if line.is_blank() {
            blocks.close();
        } else {
            blocks.extend(BlockKind::Paragraph, line.content());
        }
    }
    blocks.close();
    document(text, &blocks.done, None)
}

/// Markdown: headings, paragraphs, lists, tables and code. The title is that of the metadata at
/// the top, else the first heading of level 1. Lines end in line feeds; NUL (U+0000), and comments and tags of
/// HTML outside of code, are dropped.
#[must_use]
pub fn parse_markdown(text: impl Into<String>) -> ParsedDocument {
    let text = markup::removed(with_line_feeds(text.into()));
    let mut lines = lines::split(&text).peekable();
    let mut blocks = Blocks::default();
    let mut title = None;
    if let Some(length) = front_matter(&text) {
        for line in lines.by_ref().take(length) {
            title = title.or_else(|| line.front_matter_title());
            blocks.extend(BlockKind::Code, line.content());
        }
        blocks.close();
    }
    let mut fence = None;
    while let Some(line) = lines.next() {
        match fence {
            Some(open) => {
                if !line.is_blank() {
                    blocks.extend(BlockKind::Code, line.content());
                }
                if line.closes(open) {
                    blocks.close();
                    fence = None;
                }
            }
            None => fence = read_line(&line, lines.peek(), &mut blocks),
        }
    }
    drop(lines);
    blocks.close();
    let title = title.or_else(|| {
        let first = blocks.done.iter().find(|(kind, _)| *kind == BlockKind::Heading { level: 1 });
        first.map(|(_, range)| text[range.clone()].to_owned())
    });
    document(text, &blocks.done, title)
}

/// Reads a line outside of fenced code; returns the fence that it opens.
fn read_line(line: &Line<'_>, next: Option<&Line<'_>>, blocks: &mut Blocks) -> Option<Fence> {
    let whole = line.start..line.content().end;
    let open = blocks.open_kind();
    if line.is_blank() {
        // Blank lines stay within indented code; its next line tells whether it goes on.
        if open != Some(BlockKind::Code) {
            blocks.close();
        }
        return None;
    }
    match open {
        Some(BlockKind::Code) if line.is_indented() => {
            blocks.extend(BlockKind::Code, whole);
            return None;
        }
        Some(BlockKind::Table) if line.has_cells() => {
            blocks.extend(BlockKind::Table, whole);
            return None;
        }
        _ => {}
    }
    let open = open.filter(|kind| matches!(kind, BlockKind::Paragraph | BlockKind::List));
    if let Some(fence) = line.fence() {
        blocks.begin(BlockKind::Code, whole);
        return Some(fence);
    }
    if let Some((level, title)) = line.heading() {
        blocks.begin(BlockKind::Heading { level }, title);
        blocks.close();
    } else if let Some(level) = line.underline().filter(|_| open == Some(BlockKind::Paragraph)) {
        blocks.turn_open_into(BlockKind::Heading { level });
    } else if line.is_rule() {
        blocks.close();
    } else if line.has_cells() && next.is_some_and(Line::separates_table_head) {
        blocks.begin(BlockKind::Table, whole);
    } else if line.begins_item(open == Some(BlockKind::Paragraph)) {
        blocks.extend(BlockKind::List, line.content());
    } else if let Some(open) = open {
        blocks.extend(open, line.content());
    } else if !line.is_indented() {
        blocks.begin(BlockKind::Paragraph, line.content());
    } else if blocks.last_kind() == Some(BlockKind::List) {
        blocks.begin(BlockKind::List, line.content());
    } else {
        blocks.begin(BlockKind::Code, whole);
    }
    None
}

/// How many lines the metadata at the top has (YAML or TOML), its two marks counted.
fn front_matter(text: &str) -> Option<usize> {
    let mut lines = lines::split(text).map(|line| line.text.trim_end());
    let mark = lines.next().filter(|mark| ["---", "+++"].contains(mark))?;
    let is_end = |line: &str| line == mark || mark == "---" && line == "...";
    lines.take(MAX_FRONT_MATTER_LINES).position(is_end).map(|length| length + 2)
}

/// Blocks as byte ranges; the last may still be open.
#[derive(Default)]
struct Blocks {
    done: Vec<(BlockKind, Range<usize>)>,
    open: Option<(BlockKind, Range<usize>)>,
}

impl Blocks {
    fn close(&mut self) {
        self.done.extend(self.open.take());
    }

    fn begin(&mut self, kind: BlockKind, range: Range<usize>) {
        self.close();
        if !range.is_empty() {
            self.open = Some((kind, range));
        }
    }

    fn extend(&mut self, kind: BlockKind, range: Range<usize>) {
        match &mut self.open {
            Some((open, whole)) if *open == kind => whole.end = range.end,
            _ => self.begin(kind, range),
        }
    }

    fn turn_open_into(&mut self, kind: BlockKind) {
        if let Some((open, _)) = &mut self.open {
            *open = kind;
        }
        self.close();
    }

    fn open_kind(&self) -> Option<BlockKind> {
        self.open.as_ref().map(|(kind, _)| *kind)
    }

    /// The kind of the last closed block.
    fn last_kind(&self) -> Option<BlockKind> {
        self.done.last().map(|(kind, _)| *kind)
    }
}

fn document(text: String, blocks: &[(BlockKind, Range<usize>)], title: Option<String>) -> ParsedDocument {
    let mut cursor = ScalarCursor::new(&text);
    let blocks = blocks
        .iter()
        .map(|(kind, range)| Block {
            kind: *kind,
            start: cursor.scalar_of(range.start),
            end: cursor.scalar_of(range.end),
            page: None,
        })
        .collect();
    ParsedDocument { text, blocks, title, ..ParsedDocument::default() }
}

/// Every character that ends a line or a page becomes a line feed, as CR LF does; NUL is dropped.
fn with_line_feeds(text: String) -> String {
    const ENDS: [char; 6] = ['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];
    if !text.contains(|character| character == '\0' || ENDS.contains(&character)) {
        return text;
    }
    let mut before = '\n';
    let mut plain = String::with_capacity(text.len());
    for character in text.chars().filter(|character| *character != '\0') {
        match character {
            '\n' if before == '\r' => {}
            end if ENDS.contains(&end) => plain.push('\n'),
            other => plain.push(other),
        }
        before = character;
    }
    plain
}

#[cfg(test)]
mod tests;
