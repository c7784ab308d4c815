//! Sections: the blocks below one heading.

use std::ops::Range;

use super::{BlockKind, ParsedDocument, ScalarCursor};

/// A heading of more Unicode scalar values is taken for a paragraph.
const MAX_HEADING_CHARS: usize = 200;

/// A block with its bytes in the text, not empty, without white space around it.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) kind: BlockKind,
    pub(super) range: Range<usize>,
    pub(super) page: Option<u32>,
}

/// What stands below one heading.
pub(super) struct Section {
    pub(super) path: Vec<String>,
    pub(super) blocks: Vec<Text>,
}

/// The sections of a document that hold text. Blocks that overlap or lie outside of the text are
/// cut to what is left of them.
pub(super) fn sections(document: &ParsedDocument) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut headings: Vec<(u8, String)> = Vec::new();
    let mut blocks: Vec<Text> = Vec::new();
    // A heading that has had nothing below it so far.
    let mut bare: Option<Text> = None;
    for block in texts(document) {
        let BlockKind::Heading { level } = block.kind else {
            bare = None;
            blocks.push(block);
            continue;
        };
        if !blocks.is_empty() {
            sections.push(Section { path: path(&headings), blocks: std::mem::take(&mut blocks) });
        }
        if let Some(heading) = bare.take() {
            sections.extend(bare_section(&headings, heading, Some(level)));
        }
        while headings.last().is_some_and(|(above, _)| *above >= level) {
            headings.pop();
        }
        let words: Vec<&str> = document.text[block.range.clone()].split_whitespace().collect();
        headings.push((level, words.join(" ")));
        bare = Some(block);
    }
    if !blocks.is_empty() {
        sections.push(Section { path: path(&headings), blocks });
    }
    if let Some(heading) = bare {
        sections.extend(bare_section(&headings, heading, None));
    }
    sections
}

/// A heading with nothing below it, as text: `next` is the level of the heading that follows.
fn bare_section(headings: &[(u8, String)], heading: Text, next: Option<u8>) -> Option<Section> {
    let (own, above) = headings.split_last()?;
    (next.is_none_or(|next| next <= own.0)).then(|| Section { path: path(above), blocks: vec![heading] })
}

fn path(headings: &[(u8, String)]) -> Vec<String> {
    headings.iter().map(|(_, title)| title.clone()).collect()
}

fn texts(document: &ParsedDocument) -> impl Iterator<Item = Text> {
    let mut cursor = ScalarCursor::new(&document.text);
    document.blocks.iter().filter_map(move |block| {
        let whole = cursor.byte_of(block.start)..cursor.byte_of(block.end);
        let range = super::split::trimmed(&document.text, whole);
        let is_long = document.text[range.clone()].chars().nth(MAX_HEADING_CHARS).is_some();
        let kind = match block.kind {
            BlockKind::Heading { .. } if is_long => BlockKind::Paragraph,
            kind => kind,
        };
        (!range.is_empty()).then_some(Text { kind, range, page: block.page })
    })
}
