//! A page as it is read: which elements are open, and what of their text goes into which block.

use domain::knowledge::BlockKind;
use html5gum::{EndTag, StartTag};

use super::{
    attributes::Attributes,
    choice::{Containers, Note, choose},
    elements::{COUNT, Element, Role},
};
use crate::builder::DocumentBuilder;

/// Deeper list items are indented no further.
const MAX_LIST_INDENT: usize = 8;
/// Most bytes of the page's title that are looked at.
const MAX_TITLE_BYTES: usize = 4096;
/// How many elements inside of a line an end tag looks through.
const MAX_INLINE_DEPTH: usize = 32;

/// An element whose end has not come.
#[derive(Clone, Copy)]
struct Open {
    element: Element,
    /// Its text is not read.
    is_dropped: bool,
    is_link: bool,
    container: u32,
}

/// What to write before the next word.
#[derive(Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Line,
}

pub(super) struct Page {
    out: DocumentBuilder,
    /// What is known of each block, the open one last.
    notes: Vec<Note>,
    containers: Containers,
    open: Vec<Open>,
    /// How many of each element are open.
    counts: [u32; COUNT],
    dropped: u32,
    links: u32,
    /// Open elements of each role that changes how text is read.
    headings: Vec<u8>,
    preformatted: u32,
    drawings: u32,
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
            notes: Vec::new(),
            containers: Containers::default(),
            open: Vec::new(),
            counts: [0; COUNT],
            dropped: 0,
            links: 0,
            headings: Vec::new(),
            preformatted: 0,
            drawings: 0,
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
    pub(super) fn start_tag(&mut self, tag: &StartTag<()>) {
        let name = tag.name.as_slice();
        match name {
            b"br" if self.preformatted > 0 => return self.text("\n"),
            b"br" => self.gap = self.gap.max(Gap::Line),
            b"hr" => self.boundary(),
            _ => {}
        }
        let Some(element) = Element::named(name) else { return };
        let role = element.role();
        if self.is_drawing() {
            if !role.leaves_drawing() {
                if !tag.self_closing {
                    self.push(element, tag);
                }
                return;
            }
            while self.is_drawing() && self.pop().is_some() {}
        }
        while self.open.last().is_some_and(|open| element.ends(open.element)) {
            self.pop();
        }
        self.push(element, tag);
    }

    /// Whether what comes is of a drawing or a formula: XML, in which a tag may end itself.
    pub(super) fn is_drawing(&self) -> bool {
        self.drawings > 0
    }

    pub(super) fn end_tag(&mut self, tag: &EndTag<()>) {
        let Some(element) = Element::named(&tag.name) else { return };
        let role = element.role();
        let ends = |open: Element| match role {
            Role::Heading(_) => matches!(open.role(), Role::Heading(_)),
            _ => open == element,
        };
        let is_open = match role {
            Role::Heading(_) => !self.headings.is_empty(),
            // An end tag inside of a line ends nothing around it.
            _ if role.is_inline() => {
                let inner = self.open.iter().rev().take(MAX_INLINE_DEPTH);
                inner.take_while(|open| open.element.role().is_inline()).any(|open| open.element == element)
            }
            _ => self.counts[element.index()] > 0,
        };
        if is_open {
            while self.pop().is_some_and(|open| !ends(open)) {}
        }
    }

    fn push(&mut self, element: Element, tag: &StartTag<()>) {
        let attributes = Attributes::of(tag);
        let role = element.role();
        let outer = self.open.last().map_or(0, |open| open.container);
        let container = self.containers.enter(outer, element, &attributes);
        let is_dropped = attributes.is_hidden()
            || match role {
                Role::Dropped => !(tag.name.as_slice() == b"template" && attributes.is_shadow_root()),
                Role::Inline => attributes.is_anchor_of_heading(),
                _ => role == Role::Annotation,
            };
        self.edge(role);
        // A heading that leads back to the table of contents (Sphinx) or to itself is text.
        let is_elsewhere = self.headings.is_empty() || !attributes.is_link_within();
        let is_link = tag.name.as_slice() == b"a" && attributes.is_link() && is_elsewhere;
        self.open.push(Open { element, is_dropped, is_link, container });
        self.counts[element.index()] += 1;
        self.dropped += u32::from(is_dropped);
        self.links += u32::from(is_link);
        match role {
            Role::Heading(level) => self.headings.push(level),
            Role::Preformatted => self.preformatted += 1,
            Role::Drawing => self.drawings += 1,
            Role::Table => self.tables += 1,
            Role::Row => (self.gap, self.cells) = (Gap::Line, 0),
            Role::Cell => self.cells += 1,
            Role::Bullets => self.lists.push(None),
            Role::Numbers => self.lists.push(Some(1)),
            Role::Item if self.dropped == 0 => self.begin_item(),
            Role::Title => self.in_title = self.dropped == 0 && self.drawings == 0,
            _ => {}
        }
    }

    /// Ends the innermost element.
    fn pop(&mut self) -> Option<Element> {
        let open = self.open.pop()?;
        self.edge(open.element.role());
        self.counts[open.element.index()] -= 1;
        self.dropped -= u32::from(open.is_dropped);
        self.links -= u32::from(open.is_link);
        match open.element.role() {
            Role::Heading(_) => {
                self.headings.pop();
            }
            Role::Preformatted => self.preformatted -= 1,
            Role::Drawing => self.drawings -= 1,
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
            _ => {}
        }
        Some(open.element)
    }

    /// An element begins or ends.
    fn edge(&mut self, role: Role) {
        if role.is_block() {
            self.boundary();
        } else if !role.is_inline() {
            self.gap = self.gap.max(Gap::Space);
        }
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

    pub(super) fn text(&mut self, text: &str) {
        if self.in_title && self.title.len() < MAX_TITLE_BYTES {
            self.title.push_str(text);
        }
        if self.dropped > 0 || self.drawings > 0 || self.in_title {
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
            self.begin(BlockKind::Code);
        }
        self.note(text);
        let text = if self.out.is_fresh() { text.trim_start_matches(['\r', '\n']) } else { text };
        self.out.push(text);
    }

    fn begin(&mut self, kind: BlockKind) {
        self.out.begin(kind);
        self.notes.truncate(self.out.block_count());
        let container = self.open.last().map_or(0, |open| open.container);
        self.notes.push(Note { kind, container, letters: 0, linked: 0 });
    }

    fn note(&mut self, text: &str) {
        if let Some(note) = self.notes.last_mut() {
            let letters = u32::try_from(text.len()).unwrap_or(u32::MAX);
            note.letters = note.letters.saturating_add(letters);
            note.linked = note.linked.saturating_add(if self.links > 0 { letters } else { 0 });
        }
    }

    fn word(&mut self, word: &str) {
        let kind = match self.headings.last() {
            Some(level) => BlockKind::Heading { level: *level },
            None if self.tables > 0 => BlockKind::Table,
            None if !self.lists.is_empty() || self.mark.is_some() => BlockKind::List,
            None => BlockKind::Paragraph,
        };
        if self.out.open_kind() != Some(kind) {
            self.begin(kind);
        }
        self.note(word);
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

    /// The page without its boilerplate.
    pub(super) fn finish(mut self) -> DocumentBuilder {
        self.out.close();
        self.notes.truncate(self.out.block_count());
        self.out.set_title(&self.title);
        self.out.keep(&choose(&self.notes, &self.containers));
        self.out
    }
}
