//! Which blocks of a page are its content.
//!
//! Out goes what the page itself marks as standing beside its content (elements, landmarks, words in
//! classes and ids), unless much of the page stands in it; and lists and lines of links. Then the content
//! is the smallest container that holds almost all of the running text, and what stands outside of it goes
//! too, unless it is running text itself. Where that leaves too little of the page, less is dropped: to
//! keep a line too many costs an answer less than to lose the page.
//!
//! The numbers were chosen on half of the pages of an evaluation and are shown on the other half and on those of
//! `cargo xtask eval documents html` (`docs/documents.md`).

use domain::knowledge::BlockKind;

use super::{
    attributes::{Attributes, MarginalName},
    elements::{Element, Role},
};

/// More containers of a page are not told apart.
const MAX_CONTAINERS: usize = 1_000_000;
/// Running text has so many letters in a block.
const RUNNING_LETTERS: u32 = 40;
/// Running text outside of the content is kept from so many letters on.
const KEPT_LETTERS: u32 = 40;
/// Of those, fewer hundredths may be links.
const KEPT_LINKED_HUNDREDTHS: u64 = 20;
/// Hundredths of the letters of a block in links from which on it only leads elsewhere.
const LINKED_HUNDREDTHS: u64 = 80;
/// Hundredths of a container's running text that one inside of it must hold to stand for it.
const MOST_HUNDREDTHS: u64 = 95;
/// The same for one that says that it is the main one.
const MAIN_HUNDREDTHS: u64 = 60;
/// An element that holds more than so many hundredths of the page's running text stands not beside it,
/// whatever it is …
const MARGIN_HUNDREDTHS: u64 = 60;
/// … or is called.
const NAMED_MARGIN_HUNDREDTHS: u64 = 30;
/// What is kept of a page must have so many letters, or a tenth of those that are no links.
const ENOUGH_LETTERS: u64 = 120;

/// What is known of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Note {
    pub(super) kind: BlockKind,
    pub(super) container: u32,
    /// The bytes of its words: an ideograph has three, and says as much as three letters do.
    pub(super) letters: u32,
    /// Those of them in links.
    pub(super) linked: u32,
}

impl Note {
    fn has_linked(&self, hundredths: u64) -> bool {
        self.linked > 0 && u64::from(self.linked) * 100 >= u64::from(self.letters) * hundredths
    }

    /// Its letters outside of links, if it is running text.
    fn running(&self) -> u64 {
        let is_running = self.letters >= RUNNING_LETTERS && !self.has_linked(LINKED_HUNDREDTHS);
        if is_running { u64::from(self.letters - self.linked) } else { 0 }
    }
}

/// The elements that hold blocks, parents before children. The first is the page.
#[derive(Debug)]
pub(super) struct Containers {
    all: Vec<Container>,
}

#[derive(Debug)]
struct Container {
    parent: u32,
    kind: Kind,
    is_in_main: bool,
}

/// What a container says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// The content that the page is about.
    Main,
    /// Beside the content, by what it is or how it is called.
    Margin {
        name: Option<MarginalName>,
    },
}

impl Default for Containers {
    fn default() -> Self {
        Self { all: vec![Container { parent: 0, kind: Kind::Plain, is_in_main: false }] }
    }
}

impl Containers {
    /// The container of what stands in an element inside of another container.
    pub(super) fn enter(&mut self, parent: u32, element: Element, attributes: &Attributes<'_>) -> u32 {
        let role = element.role();
        let outer = &self.all[parent as usize];
        let kind = match role {
            Role::Main => Kind::Main,
            Role::Flow | Role::Cell | Role::Margin | Role::Table | Role::Bullets | Role::Numbers => {
                if attributes.is_main() {
                    Kind::Main
                } else if role == Role::Margin && !(outer.is_in_main && element.is_aside())
                    || attributes.is_marginal_landmark()
                {
                    Kind::Margin { name: None }
                } else {
                    attributes.marginal_name().map_or(Kind::Plain, |name| Kind::Margin { name: Some(name) })
                }
            }
            _ => return parent,
        };
        if kind == Kind::Plain && element.is_piece() {
            return parent;
        }
        if self.all.len() >= MAX_CONTAINERS {
            return parent;
        }
        self.all.push(Container { parent, kind, is_in_main: outer.is_in_main || kind == Kind::Main });
        u32::try_from(self.all.len() - 1).unwrap_or(parent)
    }

    /// The running text in each container, what is in its inner ones counted, of the blocks that count.
    fn running(&self, notes: &[Note], counts: impl Fn(&Note) -> bool) -> Vec<u64> {
        self.sums(notes, |note| if counts(note) { note.running() } else { 0 })
    }

    /// The sum of something over the blocks in each container, those in its inner ones counted.
    fn sums(&self, notes: &[Note], of: impl Fn(&Note) -> u64) -> Vec<u64> {
        let mut sums = vec![0; self.all.len()];
        for note in notes {
            sums[note.container as usize] += of(note);
        }
        for (at, container) in self.all.iter().enumerate().skip(1).rev() {
            sums[container.parent as usize] += sums[at];
        }
        sums
    }

    /// For each container whether it stands beside the content. A main one inside of it does not: some
    /// pages have all of it in their `<header>`.
    ///
    /// `content`: the containers of the content, once they are known. A sidebar within it that does not lead elsewhere
    /// is a box of the text.
    fn marginal(&self, notes: &[Note], content: Option<&[bool]>) -> Vec<bool> {
        let running = self.running(notes, |_| true);
        let letters = self.sums(notes, |note| u64::from(note.letters));
        let linked = self.sums(notes, |note| u64::from(note.linked));
        let is_box = |at: usize, parent: usize| {
            content.is_some_and(|content| content[parent]) && linked[at] * 100 < letters[at] * KEPT_LINKED_HUNDREDTHS
        };
        let mut is_marginal = vec![false; self.all.len()];
        for (at, container) in self.all.iter().enumerate().skip(1) {
            let parent = container.parent as usize;
            let is_small = |hundredths| running[at] * 100 <= running[0] * hundredths;
            is_marginal[at] = match container.kind {
                Kind::Main => false,
                Kind::Plain => is_marginal[parent],
                Kind::Margin { name: Some(MarginalName::Sidebar) } if is_box(at, parent) => is_marginal[parent],
                Kind::Margin { name } => {
                    let most = if name.is_some() { NAMED_MARGIN_HUNDREDTHS } else { MARGIN_HUNDREDTHS };
                    is_marginal[parent] || is_small(most)
                }
            };
        }
        is_marginal
    }

    /// For each container whether it is the one of the content or in it.
    fn content(&self, running: &[u64]) -> Vec<bool> {
        let mut content = 0;
        for (at, container) in self.all.iter().enumerate().skip(1) {
            let is_main = container.kind == Kind::Main;
            let least = if is_main { MAIN_HUNDREDTHS } else { MOST_HUNDREDTHS };
            let is_inside = container.parent as usize == content || is_main;
            if is_inside && running[at] > 0 && running[at] * 100 >= running[content] * least {
                content = at;
            }
        }
        let mut is_content = vec![false; self.all.len()];
        is_content[content] = true;
        for (at, container) in self.all.iter().enumerate().skip(1) {
            is_content[at] |= is_content[container.parent as usize];
        }
        is_content
    }
}

/// Whether each block is kept.
pub(super) fn choose(notes: &[Note], containers: &Containers) -> Vec<bool> {
    let is_marginal = containers.marginal(notes, None);
    let is_content = containers.content(&containers.running(notes, |note| !is_marginal[note.container as usize]));
    let is_marginal = containers.marginal(notes, Some(&is_content));
    let is_beside = |note: &Note| is_marginal[note.container as usize];
    let is_text = |note: &Note| !is_beside(note) && !note.has_linked(LINKED_HUNDREDTHS);
    let is_running = |note: &Note| note.letters >= KEPT_LETTERS && !note.has_linked(KEPT_LINKED_HUNDREDTHS);
    let is_found = |note: &Note| {
        is_content[note.container as usize] || is_running(note) || note.kind == BlockKind::Heading { level: 1 }
    };
    let unlinked: u64 = notes.iter().map(|note| u64::from(note.letters - note.linked)).sum();
    let rules: [&dyn Fn(&Note) -> bool; 3] =
        [&|note| is_text(note) && is_found(note), &is_text, &|note| !is_beside(note)];
    for rule in rules {
        let kept: Vec<bool> = notes.iter().map(rule).collect();
        let letters: u64 =
            notes.iter().zip(&kept).filter(|(_, is_kept)| **is_kept).map(|(note, _)| u64::from(note.letters)).sum();
        if letters >= ENOUGH_LETTERS || letters > 0 && letters * 10 >= unlinked {
            return kept;
        }
    }
    vec![true; notes.len()]
}
