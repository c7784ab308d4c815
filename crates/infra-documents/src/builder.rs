//! Puts a document together, block after block.

use domain::{
    gateways::{ParseError, ParsedDocument},
    knowledge::{Block, BlockKind},
};

use crate::bounds::{MAX_BLOCKS, MAX_TEXT_BYTES, is_dropped, too_much_text};

/// Stands between blocks.
const BETWEEN_BLOCKS: &str = "\n\n";
/// Most Unicode scalar values of a document's title.
const MAX_TITLE_CHARS: usize = 300;

/// A document in the making. What comes after the limits of size is dropped, and told at the end.
#[derive(Default)]
pub(crate) struct DocumentBuilder {
    document: ParsedDocument,
    /// Unicode scalar values of the text up to the last closed block.
    scalars: u32,
    open: Option<Open>,
    /// The page of the blocks that begin now.
    pub(crate) page: Option<u32>,
    is_over_limit: bool,
}

/// The block that is being written.
struct Open {
    kind: BlockKind,
    page: Option<u32>,
    /// Where its text begins, in bytes.
    start: usize,
}

impl DocumentBuilder {
    /// The kind of the open block.
    pub(crate) fn open_kind(&self) -> Option<BlockKind> {
        self.open.as_ref().map(|open| open.kind)
    }

    /// Whether nothing has been written into the open block.
    pub(crate) fn is_fresh(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.start == self.document.text.len())
    }

    /// Closes the open block and begins another.
    pub(crate) fn begin(&mut self, kind: BlockKind) {
        self.close();
        if !self.document.text.is_empty() {
            self.document.text.push_str(BETWEEN_BLOCKS);
        }
        self.open = Some(Open { kind, page: self.page, start: self.document.text.len() });
    }

    /// Adds to the open block. Control characters but tabs and line breaks are dropped.
    pub(crate) fn push(&mut self, text: &str) {
        if self.document.text.len() + text.len() > MAX_TEXT_BYTES || self.document.blocks.len() >= MAX_BLOCKS {
            self.is_over_limit = true;
        } else if self.open.is_some() {
            self.document.text.extend(text.chars().filter(|character| !is_dropped(*character)));
        }
    }

    /// Ends the open block; one without a visible character leaves no trace.
    pub(crate) fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let separator = if open.start == 0 { 0 } else { BETWEEN_BLOCKS.len() };
        let kept = open.start + self.document.text[open.start..].trim_end().len();
        if kept == open.start {
            self.document.text.truncate(open.start - separator);
            return;
        }
        self.document.text.truncate(kept);
        let length = self.document.text[open.start..].chars().count();
        let start = self.scalars + u32::try_from(separator).unwrap_or(0);
        self.scalars = start + u32::try_from(length).unwrap_or(u32::MAX - start);
        self.document.blocks.push(Block { kind: open.kind, start, end: self.scalars, page: open.page });
    }

    /// How many blocks are closed.
    pub(crate) fn block_count(&self) -> usize {
        self.document.blocks.len()
    }

    /// Whether no text came, not even too much.
    pub(crate) fn is_empty(&self) -> bool {
        self.document.blocks.is_empty() && !self.is_over_limit
    }

    /// Keeps of the closed blocks those for which `is_kept` says so, in their order.
    pub(crate) fn keep(&mut self, is_kept: &[bool]) {
        self.close();
        let whole = std::mem::take(&mut self.document.text);
        let blocks = std::mem::take(&mut self.document.blocks);
        let mut letters = whole.char_indices();
        let (mut at, mut scalars) = (0, 0);
        self.scalars = 0;
        for (block, is_kept) in blocks.into_iter().zip(is_kept) {
            let mut bytes_at = |scalar: u32| {
                while scalars < scalar && letters.next().is_some() {
                    scalars += 1;
                }
                letters.offset()
            };
            let (start, end) = (bytes_at(block.start), bytes_at(block.end));
            if *is_kept {
                if !self.document.text.is_empty() {
                    self.document.text.push_str(BETWEEN_BLOCKS);
                    at = self.scalars + u32::try_from(BETWEEN_BLOCKS.len()).unwrap_or(0);
                }
                self.document.text.push_str(&whole[start..end]);
                self.scalars = at + (block.end - block.start);
                self.document.blocks.push(Block { start: at, end: self.scalars, ..block });
            }
        }
    }

    /// Gives the document its title, unless it has one already or this one is blank.
    pub(crate) fn set_title(&mut self, title: &str) {
        let words: Vec<&str> = title.split_whitespace().collect();
        let title: String = words.join(" ").chars().filter(|character| !is_dropped(*character)).collect();
        if self.document.title.is_none() && !title.is_empty() {
            self.document.title = Some(title.chars().take(MAX_TITLE_CHARS).collect());
        }
    }

    /// Says how many pages there are.
    pub(crate) fn set_page_count(&mut self, pages: u32) {
        self.document.page_count = Some(pages);
    }

    /// The document.
    ///
    /// # Errors
    /// `TooLarge` over [`MAX_TEXT_BYTES`] or [`MAX_BLOCKS`].
    pub(crate) fn finish(mut self) -> Result<ParsedDocument, ParseError> {
        self.close();
        if self.is_over_limit { Err(too_much_text()) } else { Ok(self.document) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_count_scalar_values_and_empty_ones_leave_no_trace() {
        let mut builder = DocumentBuilder::default();
        builder.begin(BlockKind::Paragraph);
        builder.push("zwölf\0 \n");
        builder.begin(BlockKind::Paragraph);
        builder.push(" ");
        builder.page = Some(2);
        builder.begin(BlockKind::Code);
        builder.push("語");
        let document = builder.finish().unwrap();
        assert_eq!(document.text, "zwölf\n\n語");
        let ranges: Vec<_> = document.blocks.iter().map(|block| (block.start, block.end, block.page)).collect();
        assert_eq!(ranges, [(0, 5, None), (7, 8, Some(2))]);
    }

    #[test]
    fn blocks_that_are_not_kept_leave_no_trace() {
        let mut builder = DocumentBuilder::default();
        for word in ["é", "語語", "x", "😀 y"] {
            builder.begin(BlockKind::Paragraph);
            builder.push(word);
        }
        builder.close();
        assert_eq!(builder.block_count(), 4);
        builder.keep(&[false, true, false, true]);
        builder.begin(BlockKind::Paragraph);
        builder.push("z");
        let document = builder.finish().unwrap();
        assert_eq!(document.text, "語語\n\n😀 y\n\nz");
        let ranges: Vec<_> = document.blocks.iter().map(|block| (block.start, block.end)).collect();
        assert_eq!(ranges, [(0, 2), (4, 7), (9, 10)]);
    }

    #[test]
    fn a_document_over_the_limit_is_refused() {
        let mut builder = DocumentBuilder::default();
        builder.begin(BlockKind::Paragraph);
        builder.push(&"x".repeat(MAX_TEXT_BYTES));
        builder.push("x");
        assert_eq!(builder.finish(), Err(too_much_text()));
    }
}
