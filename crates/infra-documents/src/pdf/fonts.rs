//! Headings of a PDF without an outline: short lines in larger type than the text.

use std::collections::BTreeMap;

use pdf_oxide::layout::TextSpan;

use super::outline::Entry;

/// How much larger than the text the type of a heading of each level is, at least.
const LEVELS: [(f32, u8); 3] = [(1.8, 1), (1.4, 2), (1.15, 3)];
/// A heading may be wrapped into so many lines.
pub(super) const MAX_HEADING_LINES: usize = 3;
/// Most letters and digits of a heading.
const MAX_HEADING_CHARS: usize = 150;
/// Lines of one heading are no farther apart, in sizes of their type.
const MAX_LEADING: f32 = 1.6;

/// What is known of a document's type so far: letters by size in tenths of a point.
#[derive(Default)]
pub(super) struct TypeSizes(BTreeMap<u32, usize>);

/// A line, or some lines of one heading.
struct Line {
    text: String,
    size: f32,
    /// How high its last line stands on the page.
    height: f32,
    lines: usize,
}

impl TypeSizes {
    /// The headings of the next page.
    pub(super) fn headings(&mut self, spans: &[TextSpan]) -> Vec<Entry> {
        let lines = lines(spans);
        for line in &lines {
            *self.0.entry(tenths(line.size)).or_default() += line.text.len();
        }
        let Some((body, _)) = self.0.iter().max_by_key(|(_, letters)| **letters) else { return Vec::new() };
        let headings = lines.into_iter().filter_map(|line| {
            let larger = tenths(line.size) as f32 / (*body).max(1) as f32;
            let (_, level) = LEVELS.iter().find(|(least, _)| larger >= *least)?;
            Some(Entry::new(&line.text, *level))
        });
        headings.filter(|entry| (1..=MAX_HEADING_CHARS).contains(&entry.key.chars().count())).collect()
    }
}

/// Spans of one height are a line; lines of one size that follow closely are taken together.
fn lines(spans: &[TextSpan]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for span in spans.iter().filter(|span| !span.text.trim().is_empty()) {
        let (size, height) = (span.font_size, span.bbox.y);
        match lines.last_mut() {
            Some(line) if (line.height - height).abs() < size / 2.0 => {
                line.text.push_str(&span.text);
                // Small words in a large line, and large ones in a small line, make no heading.
                line.size = line.size.min(size);
            }
            _ => lines.push(Line { text: span.text.clone(), size, height, lines: 1 }),
        }
    }
    let mut joined: Vec<Line> = Vec::new();
    for line in lines {
        match joined.last_mut() {
            Some(last)
                if tenths(last.size) == tenths(line.size)
                    && last.lines < MAX_HEADING_LINES
                    && (0.0..line.size * MAX_LEADING).contains(&(last.height - line.height)) =>
            {
                last.text.push_str(&line.text);
                (last.height, last.lines) = (line.height, last.lines + 1);
            }
            _ => joined.push(line),
        }
    }
    joined
}

/// A size as a key; files compute theirs with small errors.
fn tenths(size: f32) -> u32 {
    // Negative and absurd sizes saturate.
    (size * 10.0).round() as u32
}
