//! Running heads and page numbers: what stands at the same place on page after page.

use std::collections::VecDeque;

use super::lines::Line;

/// Pages before and behind one that it is compared with. Left and right pages may have different heads.
const REACH: usize = 4;
/// On so many of them a line must stand as well.
const REPEATED: usize = 2;
/// The same place, in points.
const SAME_PLACE: f64 = 2.0;
/// A running head is so far away from the text, in sizes of its type.
const APART: f64 = 1.5;
/// Most lines above the text, and below it, that may run through the document.
const LEVELS: usize = 2;
/// It stands in the topmost or lowest part of its page, as a share of the page's height.
const EDGE: f64 = 1.0 / 6.0;
/// It is in no larger type than the text: a title is.
const LARGER: f64 = 1.15;

/// The pages whose lines have not been written yet.
#[derive(Default)]
pub(super) struct Running {
    /// The edges of pages that are written already, the last one last.
    past: VecDeque<Vec<Edge>>,
    waiting: VecDeque<(Vec<Line>, Vec<Edge>)>,
    /// The number of the first waiting page, from 0.
    page: usize,
}

/// A line above or below the text of its page.
#[derive(Debug, Clone)]
struct Edge {
    line: usize,
    /// Its text with `#` for each number.
    key: String,
    numbers: Vec<i64>,
    start: f64,
    end: f64,
    height: f64,
}

impl Running {
    /// Takes the next page, which is so many points high, and returns one that all of its neighbours are known of,
    /// without its running heads.
    pub(super) fn push(&mut self, lines: Vec<Line>, height: f64) -> Option<(usize, Vec<Line>)> {
        let edges = edges(&lines, height);
        self.waiting.push_back((lines, edges));
        if self.waiting.len() > REACH { self.next() } else { None }
    }

    /// The next page when no more will come.
    pub(super) fn next(&mut self) -> Option<(usize, Vec<Line>)> {
        let (mut lines, edges) = self.waiting.pop_front()?;
        let before = self.past.iter().rev().zip(1..).map(|(edges, distance)| (edges, -distance));
        let behind = self.waiting.iter().map(|(_, edges)| edges).zip(1..).take(REACH);
        let others: Vec<(&Vec<Edge>, i64)> = before.chain(behind).collect();
        let is_running = |edge: &&Edge| {
            let has = |(page, distance): &&(&Vec<Edge>, i64)| page.iter().any(|other| edge.goes_on(other, *distance));
            others.iter().filter(has).count() >= REPEATED
        };
        let mut dropped: Vec<usize> = edges.iter().filter(is_running).map(|edge| edge.line).collect();
        dropped.sort_unstable();
        let mut at = 0;
        lines.retain(|_| {
            at += 1;
            dropped.binary_search(&(at - 1)).is_err()
        });
        self.past.push_back(edges);
        if self.past.len() > REACH {
            self.past.pop_front();
        }
        self.page += 1;
        Some((self.page - 1, lines))
    }
}

impl Edge {
    /// Whether another page, so many pages on, has the same line at the same place: its numbers are the same or
    /// count the pages. Where its first or last number counts them, the words between may be others, such as the
    /// title of a section.
    fn goes_on(&self, other: &Self, distance: i64) -> bool {
        let is_near = |one: f64, other: f64| (one - other).abs() < SAME_PLACE;
        let is_there = is_near(self.height, other.height)
            && (is_near(self.start, other.start)
                || is_near(self.end, other.end)
                || is_near(self.start.midpoint(self.end), other.start.midpoint(other.end)));
        let counts = |one: Option<&i64>, other: Option<&i64>| {
            one.zip(other).is_some_and(|(one, other)| other.checked_sub(*one) == Some(distance))
        };
        let is_same = self.key == other.key
            && self
                .numbers
                .iter()
                .zip(&other.numbers)
                .all(|(one, other)| one == other || counts(Some(one), Some(other)));
        let leads = |key: &str| key.starts_with('#');
        let trails = |key: &str| key.ends_with('#');
        let is_counted = (leads(&self.key) && leads(&other.key) && counts(self.numbers.first(), other.numbers.first()))
            || (trails(&self.key) && trails(&other.key) && counts(self.numbers.last(), other.numbers.last()));
        is_there && (is_same || is_counted)
    }
}

/// The lines of a page that stand above and below its text, and apart from it.
fn edges(lines: &[Line], height: f64) -> Vec<Edge> {
    let text = lines.iter().max_by_key(|line| line.text.len()).map_or(0.0, |line| line.size);
    let mut by_height: Vec<usize> =
        (0..lines.len()).filter(|line| lines[*line].direction.x > 0.99 && !lines[*line].is_note).collect();
    by_height.sort_by(|one, other| lines[*other].height.total_cmp(&lines[*one].height));
    let (top, bottom) = (by_height.iter().copied(), by_height.iter().rev().copied());
    let mut found = outer(lines, top, |line| line.height > (1.0 - EDGE) * height);
    found.extend(outer(lines, bottom, |line| line.height < EDGE * height));
    found.sort_unstable();
    found.dedup();
    let edges = found.into_iter().map(|line| edge(line, &lines[line]));
    // A page of notes in small type has its number in that of the text.
    edges.filter(|edge| edge.key == "#" || lines[edge.line].size <= LARGER * text).collect()
}

/// The outermost lines, from the edge inwards, as far as a wide gap parts them from what follows.
fn outer(lines: &[Line], inwards: impl Iterator<Item = usize>, is_at_edge: impl Fn(&Line) -> bool) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    let (mut apart, mut levels) = (0, 0);
    for at in inwards {
        let line = &lines[at];
        if let Some(last) = found.last().map(|last| &lines[*last]) {
            let distance = (last.height - line.height).abs();
            if distance > APART * line.size.max(last.size) {
                apart = found.len();
            }
            levels += usize::from(distance > line.size.min(last.size) / 2.0);
        }
        if levels == LEVELS || !is_at_edge(line) {
            break;
        }
        found.push(at);
    }
    found.truncate(apart);
    found
}

fn edge(at: usize, line: &Line) -> Edge {
    let Line { start, end, height, .. } = *line;
    let (mut key, mut numbers) = (String::new(), Vec::new());
    if let Some(number) = roman(line.text.trim()) {
        (key, numbers) = ("#".to_owned(), vec![number]);
    } else {
        for character in line.text.chars() {
            match character.to_digit(10) {
                Some(digit) if key.ends_with('#') => {
                    if let Some(last) = numbers.last_mut() {
                        *last = i64::saturating_add(i64::saturating_mul(*last, 10), digit.into());
                    }
                }
                Some(digit) => {
                    key.push('#');
                    numbers.push(digit.into());
                }
                None => key.push(character),
            }
        }
    }
    Edge { line: at, key, numbers, start, end, height }
}

/// The value of a Roman number in small letters or capitals.
fn roman(text: &str) -> Option<i64> {
    const LONGEST: usize = 15;
    let value = |letter: char| match letter {
        'i' => Some(1),
        'v' => Some(5),
        'x' => Some(10),
        'l' => Some(50),
        'c' => Some(100),
        _ => None,
    };
    let is_short = !text.is_empty() && text.len() <= LONGEST;
    let values: Vec<i64> = text.to_lowercase().chars().map(value).collect::<Option<_>>().filter(|_| is_short)?;
    let next = values.iter().skip(1).copied().chain([0]);
    Some(values.iter().zip(next).map(|(value, next)| if *value < next { -value } else { *value }).sum())
}

#[cfg(test)]
mod tests {
    use super::roman;

    #[test]
    fn roman_numbers_are_read() {
        for (text, value) in [("iv", Some(4)), ("XLII", Some(42)), ("viii", Some(8)), ("mild", None), ("", None)] {
            assert_eq!(roman(text), value, "{text}");
        }
    }
}
