//! Headings of a PDF without an outline: short lines in larger type than the text.

use std::collections::BTreeMap;

use super::{lines::Line, outline::Entry};

/// How much larger than the text the type of a heading of each level is, at least.
const LEVELS: &[(f64, u8)] = &[(1.8, 1), (1.4, 2), (1.15, 3)];
/// A heading may be wrapped into so many lines.
pub(super) const MAX_HEADING_LINES: usize = 3;
/// Most letters and digits of a heading.
const MAX_HEADING_CHARS: usize = 150;
/// Lines of one heading are no farther apart, in sizes of their type.
const MAX_LEADING: f64 = 1.6;

/// What is known of a document's type so far: letters by size in tenths of a point.
#[derive(Default)]
pub(super) struct TypeSizes(BTreeMap<u32, usize>);

impl TypeSizes {
    /// The headings of the next page.
    pub(super) fn headings(&mut self, lines: &[Line]) -> Vec<Entry> {
        for line in lines.iter().filter(|line| !line.is_note) {
            *self.0.entry(tenths(line.size)).or_default() += line.text.len();
        }
        let Some((body, _)) = self.0.iter().max_by_key(|(_, letters)| **letters) else { return Vec::new() };
        let headings = joined(lines).into_iter().filter_map(|line| {
            let larger = f64::from(tenths(line.smallest)) / f64::from((*body).max(1));
            let (_, level) = LEVELS.iter().find(|(least, _)| larger >= *least)?;
            Some(Entry::new(&line.text, *level))
        });
        headings.filter(|entry| (1..=MAX_HEADING_CHARS).contains(&entry.key.chars().count())).collect()
    }
}

/// Lines of one size that follow closely are taken together, as a heading may be wrapped.
fn joined(lines: &[Line]) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::new();
    // How many lines the last one is.
    let mut count = 0;
    for line in lines.iter().filter(|line| !line.is_note) {
        match joined.last_mut() {
            Some(last)
                if tenths(last.smallest) == tenths(line.smallest)
                    && count < MAX_HEADING_LINES
                    && (0.0..line.smallest * MAX_LEADING).contains(&(last.height - line.height)) =>
            {
                last.text.push_str(&line.text);
                (last.height, count) = (line.height, count + 1);
            }
            _ => {
                joined.push(line.clone());
                count = 1;
            }
        }
    }
    joined
}

/// A size as a key; files compute theirs with small errors.
fn tenths(size: f64) -> u32 {
    // Negative and absurd sizes saturate.
    (size * 10.0).round() as u32
}
