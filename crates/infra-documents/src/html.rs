//! HTML: readable text with its structure.
//!
//! The page is read as a stream of tags, with a stack of the elements that are open and no tree.
//! Each tag costs the same however deep it stands: browsers' rules for building the tree look
//! through all open elements at each tag, which nesting makes quadratic.

use domain::knowledge::BlockKind;
use html5gum::{DefaultEmitter, EndTag, StartTag, Token, Tokenizer};

use crate::builder::DocumentBuilder;

mod elements;

use elements::{COUNT, Element, Role};

/// Deeper list items are indented no further.
const MAX_LIST_INDENT: usize = 8;
/// Most bytes of the page's title that are looked at.
const MAX_TITLE_BYTES: usize = 4096;
/// Landmarks that are not what the page is about.
const DROPPED_LANDMARKS: &[&[u8]] = &[b"navigation", b"banner", b"contentinfo", b"search", b"menu", b"menubar"];
/// Classes of the links beside headings that show where they are (Sphinx, rustdoc, VuePress).
const ANCHOR_CLASSES: &[&[u8]] = &[b"headerlink", b"doc-anchor", b"header-anchor"];

/// Reads a page.
pub(crate) fn parse(source: &str) -> DocumentBuilder {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut page = Page::default();
    for token in Tokenizer::new_with_emitter(source, emitter) {
        match token {
            Ok(Token::StartTag(tag)) => page.start_tag(&tag),
            Ok(Token::EndTag(tag)) => page.end_tag(&tag),
            Ok(Token::String(text)) => page.text(&String::from_utf8_lossy(&text.value)),
            Ok(Token::Comment(_) | Token::Doctype(_) | Token::Error(_)) => {}
            Err(never) => match never {},
        }
    }
    page.finish()
}

/// An element whose end has not come.
#[derive(Clone, Copy)]
struct Open {
    element: Element,
    /// Its text is not read.
    is_dropped: bool,
}

/// What to write before the next word.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
}

struct Page {
    out: DocumentBuilder,
    open: Vec<Open>,
    /// How many of each element are open.
    counts: [u32; COUNT],
    dropped: u32,
    in_anchor: bool,
    /// Open elements of each role that changes how text is read.
    headings: Vec<u8>,
    preformatted: u32,
    mains: u32,
    tables: u32,
    /// The next number of each open list; `None` for bullets.
    lists: Vec<Option<u32>>,
    title: String,
    in_title: bool,
    gap: Gap,
    /// Cells that began in this row since the last word, and whether one holds a word.
    cells: usize,
    /// The mark of a list item that has no word yet.
    mark: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            out: DocumentBuilder::default(),
            open: Vec::new(),
            counts: [0; COUNT],
            dropped: 0,
            in_anchor: false,
            headings: Vec::new(),
            preformatted: 0,
            mains: 0,
            tables: 0,
            lists: Vec::new(),
            title: String::new(),
            in_title: false,
            gap: Gap::None,
            cells: 0,
            mark: None,
        }
    }
}

impl Page {
    fn start_tag(&mut self, tag: &StartTag<()>) {
        let name = tag.name.as_slice();
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| value.value.as_slice());
        match name {
            b"br" if self.preformatted > 0 => return self.text("\n"),
            b"br" => self.gap = self.gap.max(Gap::Line),
            b"hr" => self.boundary(),
            b"a" => {
                let classes = attribute(b"class").unwrap_or_default();
                self.in_anchor = classes.split(u8::is_ascii_whitespace).any(|class| ANCHOR_CLASSES.contains(&class));
            }
            _ => {}
        }
        let Some(element) = Element::named(name) else { return };
        self.in_anchor = false;
        while self.open.last().is_some_and(|open| element.ends(open.element)) {
            self.pop();
        }
        let is_dropped = match element.role() {
            Role::Dropped => true,
            Role::Margin => self.mains == 0,
            _ => {
                attribute(b"hidden").is_some()
                    || attribute(b"aria-hidden") == Some(b"true")
                    || attribute(b"role").is_some_and(|role| DROPPED_LANDMARKS.contains(&role))
            }
        };
        self.push(Open { element, is_dropped });
    }

    fn end_tag(&mut self, tag: &EndTag<()>) {
        if tag.name.as_slice() == b"a" {
            self.in_anchor = false;
        }
        let Some(element) = Element::named(&tag.name) else { return };
        let ends = |open: Element| match element.role() {
            Role::Heading(_) => matches!(open.role(), Role::Heading(_)),
            _ => open == element,
        };
        let is_open = match element.role() {
            Role::Heading(_) => !self.headings.is_empty(),
            _ => self.counts[element.index()] > 0,
        };
        if is_open {
            while self.pop().is_some_and(|open| !ends(open)) {}
        }
    }

    fn push(&mut self, open: Open) {
        self.boundary();
        self.open.push(open);
        self.counts[open.element.index()] += 1;
        self.dropped += u32::from(open.is_dropped);
        match open.element.role() {
            Role::Heading(level) => self.headings.push(level),
            Role::Preformatted => self.preformatted += 1,
            Role::Main => self.mains += 1,
            Role::Table => self.tables += 1,
            Role::Row => (self.gap, self.cells) = (Gap::Line, 0),
            Role::Cell => self.cells += 1,
            Role::Bullets => self.lists.push(None),
            Role::Numbers => self.lists.push(Some(1)),
            Role::Item if self.dropped == 0 => self.begin_item(),
            Role::Title => self.in_title = self.dropped == 0,
            Role::Item | Role::Flow | Role::Margin | Role::Dropped => {}
        }
    }

    /// Ends the innermost element.
    fn pop(&mut self) -> Option<Element> {
        let open = self.open.pop()?;
        self.boundary();
        self.counts[open.element.index()] -= 1;
        self.dropped -= u32::from(open.is_dropped);
        match open.element.role() {
            Role::Heading(_) => {
                self.headings.pop();
            }
            Role::Preformatted => self.preformatted -= 1,
            Role::Main => self.mains -= 1,
            Role::Table => {
                self.tables -= 1;
                if self.tables == 0 && matches!(self.out.open_kind(), Some(BlockKind::Table)) {
                    self.out.close();
                }
            }
            Role::Bullets | Role::Numbers => {
                self.lists.pop();
                if self.lists.is_empty() && self.out.open_kind() == Some(BlockKind::List) {
                    self.out.close();
                }
            }
            Role::Item => self.mark = None,
            Role::Title => self.in_title = false,
            Role::Row | Role::Cell | Role::Flow | Role::Margin | Role::Dropped => {}
        }
        Some(open.element)
    }

    /// A block of running text begins or ends: a line of the list, a word in the table's cell, else
    /// a block of its own.
    fn boundary(&mut self) {
        match self.out.open_kind() {
            Some(BlockKind::List) => self.gap = Gap::Line,
            Some(BlockKind::Table) => self.gap = self.gap.max(Gap::Space),
            Some(BlockKind::Code) if self.preformatted > 0 => {}
            _ => {
                self.out.close();
                self.gap = Gap::None;
            }
        }
    }

    fn begin_item(&mut self) {
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(MAX_LIST_INDENT));
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number = number.saturating_add(1);
                format!("{indent}{}. ", *number - 1)
            }
            _ => format!("{indent}- "),
        };
        self.mark = Some(mark);
    }

    fn text(&mut self, text: &str) {
        if self.in_title && self.title.len() < MAX_TITLE_BYTES {
            self.title.push_str(text);
        }
        if self.dropped > 0 || self.in_title || self.in_anchor {
            return;
        }
        if self.preformatted > 0 {
            return self.preformatted_text(text);
        }
        for (at, word) in text.split(char::is_whitespace).enumerate() {
            if at > 0 {
                self.gap = self.gap.max(Gap::Space);
            }
            if !word.is_empty() {
                self.word(word);
            }
        }
    }

    fn preformatted_text(&mut self, text: &str) {
        if self.out.open_kind() != Some(BlockKind::Code) {
            self.out.begin(BlockKind::Code);
        }
        let text = if self.out.is_fresh() { text.trim_start_matches(['\r', '\n']) } else { text };
        self.out.push(text);
    }

    fn word(&mut self, word: &str) {
        let kind = match self.headings.last() {
            Some(level) => BlockKind::Heading { level: *level },
            None if self.tables > 0 => BlockKind::Table,
            None if !self.lists.is_empty() || self.mark.is_some() => BlockKind::List,
            None => BlockKind::Paragraph,
        };
        if self.out.open_kind() != Some(kind) {
            self.out.begin(kind);
        }
        let is_fresh = self.out.is_fresh();
        match kind {
            BlockKind::Table => self.before_cell(is_fresh),
            BlockKind::List if self.mark.is_some() => {
                if !is_fresh {
                    self.out.push("\n");
                }
                let mark = self.mark.take().unwrap_or_default();
                self.out.push(&mark);
            }
            _ if is_fresh => {}
            BlockKind::Heading { .. } if self.gap != Gap::None => self.out.push(" "),
            _ => self.push_gap(),
        }
        self.gap = Gap::None;
        self.out.push(word);
    }

    /// Rows stand on lines of their own, cells between bars.
    fn before_cell(&mut self, is_fresh: bool) {
        if self.gap == Gap::Line && !is_fresh {
            self.out.push("\n");
        } else if self.cells == 0 && !is_fresh {
            self.push_gap();
        }
        let is_first = is_fresh || self.gap == Gap::Line;
        let bars = self.cells.saturating_sub(usize::from(is_first));
        for bar in 0..bars {
            self.out.push(if bar == 0 && is_first { "| " } else { " | " });
        }
        self.cells = 0;
    }

    fn push_gap(&mut self) {
        match self.gap {
            Gap::None => {}
            Gap::Space => self.out.push(" "),
            Gap::Line => self.out.push("\n"),
        }
    }

    fn finish(mut self) -> DocumentBuilder {
        self.out.close();
        self.out.set_title(&self.title);
        self.out
    }
}

#[cfg(test)]
mod tests;
