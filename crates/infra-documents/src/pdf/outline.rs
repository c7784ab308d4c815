//! The outline of a PDF (its bookmarks) says which lines of its pages are headings.

use std::collections::HashMap;

use hayro_interpret::hayro_syntax::{
    Pdf,
    object::{Dict, String as PdfString},
};

use super::catalogue::{Destinations, Unseen, text_string};

const MAX_LEVEL: u8 = 6;

/// A heading that has not been found in its page's text yet.
pub(super) struct Entry {
    /// Letters and digits only, as spaces and marks differ between outlines and pages.
    pub(super) key: String,
    level: u8,
}

impl Entry {
    pub(super) fn new(title: &str, level: u8) -> Self {
        Self { key: key(title), level }
    }
}

/// The headings of a document by page, from 0.
#[derive(Default)]
pub(super) struct Headings(HashMap<usize, Vec<Entry>>);

impl Headings {
    /// The headings of a document; none where it has no outline.
    pub(super) fn of(pdf: &Pdf) -> Self {
        let mut headings = Self::default();
        let Some(catalogue) = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id()) else { return headings };
        let Some(outlines) = catalogue.get::<Dict<'_>>(b"Outlines") else { return headings };
        let destinations = Destinations::of(pdf, &catalogue);
        let mut unseen = Unseen::default();
        let mut waiting: Vec<(Dict<'_>, u8)> =
            unseen.at(pdf, &outlines, b"First").map(|first| (first, 1)).into_iter().collect();
        while let Some((item, level)) = waiting.pop() {
            let title = item.get::<PdfString<'_>>(b"Title").map(|title| text_string(title.as_bytes()));
            if let (Some(title), Some(page)) = (title, destinations.page_of(&item)) {
                headings.add(page, [Entry::new(&title, level)]);
            }
            // What is below an entry comes before what is beside it.
            waiting.extend(unseen.at(pdf, &item, b"Next").map(|next| (next, level)));
            waiting.extend(unseen.at(pdf, &item, b"First").map(|first| (first, (level + 1).min(MAX_LEVEL))));
        }
        headings
    }

    /// Whether there are none in the whole document.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds headings of a page.
    pub(super) fn add(&mut self, page: usize, entries: impl IntoIterator<Item = Entry>) {
        let entries = entries.into_iter().filter(|entry| !entry.key.is_empty());
        self.0.entry(page).or_default().extend(entries);
    }

    /// The level of a line of a page if it is a heading, with or without its number. Each heading
    /// is found once: what repeats is a page's header.
    pub(super) fn take(&mut self, page: usize, line: &str) -> Option<u8> {
        let line = key(line);
        let entries = self.0.get_mut(&page).filter(|_| !line.is_empty())?;
        let at = entries.iter().position(|entry| is_same(&entry.key, &line) || is_same(&line, &entry.key))?;
        Some(entries.remove(at).level)
    }
}

fn key(title: &str) -> String {
    title.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether the longer one is the shorter one behind a number.
fn is_same(longer: &str, shorter: &str) -> bool {
    let number = longer.strip_suffix(shorter);
    number.is_some_and(|number| {
        let number = number.strip_prefix("chapter").or_else(|| number.strip_prefix("appendix")).unwrap_or(number);
        number.chars().all(|character| character.is_ascii_digit()) || number.chars().count() == 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_found_once_and_with_or_without_its_number() {
        let mut headings = Headings::default();
        headings.add(4, [Entry::new("2.1 The Plan", 2), Entry::new("Basics", 1), Entry::new("Notes", 3)]);
        assert_eq!(headings.take(4, "The  plan"), Some(2));
        assert_eq!(headings.take(4, "The plan"), None);
        assert_eq!(headings.take(4, "Chapter 3: Basics"), Some(1));
        assert_eq!(headings.take(3, "Notes"), None);
        assert_eq!(headings.take(4, "More notes"), None);
        assert_eq!(headings.take(4, "A Notes"), Some(3));
    }
}
