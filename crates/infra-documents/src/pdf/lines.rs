//! Lines of a page, put together from the pieces it draws.

use hayro_interpret::kurbo::Vec2;

use super::{
    bidi,
    text::{Piece, SPACE},
};

/// Pieces stand on one line if their baselines are no farther apart, in sizes of the smaller type.
/// Raised and lowered letters are within it.
const SAME_LINE: f64 = 0.6;
/// A piece that begins where the last one ended stands on its line even if it is that much higher or
/// lower: the tall brackets of a formula.
const TALL: f64 = 1.3;
/// How near that is, in sizes of their type.
const NEAR: std::ops::Range<f64> = -0.3..0.5;
/// A line begins another paragraph if it is that much farther below than lines of its page commonly are.
const PARAGRAPH: f64 = 1.25;
/// How far lines are apart where a page is too short to tell, in sizes of their type.
const COMMON_LEADING: f64 = 1.25;
/// The distances of lines that tell the common one.
const LEADINGS: std::ops::Range<f64> = 0.8..2.5;
/// Type that is so much larger or smaller begins another paragraph.
const OTHER_SIZE: f64 = 1.2;

/// A line of text.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// The text, in the order of reading.
    pub(super) text: String,
    /// The size of its smallest type, in points.
    pub(super) smallest: f64,
    /// The size of most of its letters.
    pub(super) size: f64,
    /// How high its last baseline stands, in points.
    pub(super) height: f64,
    /// Whether a paragraph begins here.
    pub(super) starts: bool,
    direction: Vec2,
    start: f64,
    end: f64,
}

/// The lines of a page in the order of reading, with words joined that their lines have split.
pub(super) fn lines(pieces: Vec<Piece>) -> Vec<Line> {
    let mut rows: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        match rows.last_mut() {
            Some(row) if stands_on(&piece, row) => row.push(piece),
            _ => rows.push(vec![piece]),
        }
    }
    let mut lines: Vec<Line> = rows.into_iter().map(line).collect();
    mark_paragraphs(&mut lines);
    join_words(lines)
}

/// Whether a piece goes on with a line: behind its last piece, or before and behind others on the
/// same height, but not over them.
fn stands_on(piece: &Piece, row: &[Piece]) -> bool {
    let is_over = |other: &Piece| {
        let common = piece.end.min(other.end) - piece.start.max(other.start);
        common > (piece.end - piece.start).min(other.end - other.start) / 2.0
    };
    let is_within = |other: &Piece, most: f64, size: f64| {
        piece.direction.dot(other.direction) > 0.99 && (piece.height - other.height).abs() < most * size
    };
    // A raised letter says little about where the line stands: the largest type does.
    let largest = row.iter().max_by(|one, other| one.size.total_cmp(&other.size));
    let is_level = largest.is_some_and(|other| is_within(other, SAME_LINE, piece.size.min(other.size)));
    let follows = row.last().is_some_and(|last| {
        let size = piece.size.max(last.size);
        is_within(last, TALL, size) && NEAR.contains(&((piece.start - last.end) / size))
    });
    (is_level || follows) && !row.iter().any(is_over)
}

fn line(mut row: Vec<Piece>) -> Line {
    row.sort_by(|one, other| one.start.total_cmp(&other.start));
    let letters = |piece: &Piece| piece.text.chars().count();
    let main = row.iter().max_by_key(|piece| letters(piece));
    let (size, height, direction) =
        main.map_or((0.0, 0.0, Vec2::ZERO), |piece| (piece.size, piece.height, piece.direction));
    let mut line = Line {
        text: String::new(),
        smallest: row.iter().map(|piece| piece.size).fold(f64::INFINITY, f64::min),
        size,
        height,
        starts: false,
        direction,
        start: row.first().map_or(0.0, |piece| piece.start),
        end: f64::NEG_INFINITY,
    };
    for piece in row {
        let is_parted = line.text.ends_with(char::is_whitespace) || piece.text.starts_with(char::is_whitespace);
        if piece.start - line.end > SPACE * piece.size && !line.text.is_empty() && !is_parted {
            line.text.push(' ');
        }
        line.text.push_str(&piece.text);
        line.end = line.end.max(piece.end);
    }
    line.text = bidi::logical(line.text.trim());
    line
}

fn mark_paragraphs(lines: &mut [Line]) {
    let leading = |above: &Line, below: &Line| (above.height - below.height) / below.size.max(above.size);
    let mut leadings: Vec<f64> = lines.windows(2).map(|pair| leading(&pair[0], &pair[1])).collect();
    leadings.retain(|leading| LEADINGS.contains(leading));
    leadings.sort_by(f64::total_cmp);
    let common = leadings.get(leadings.len() / 2).copied().unwrap_or(COMMON_LEADING);
    let mut above: Option<&Line> = None;
    for line in lines.iter_mut() {
        line.starts = above.is_none_or(|above| {
            let is_beside = line.start >= above.end || above.start >= line.end;
            let sizes = line.size.max(above.size) / line.size.min(above.size);
            let leading = leading(above, line);
            is_beside
                || above.direction.dot(line.direction) < 0.99
                || sizes > OTHER_SIZE
                || leading < 0.0
                || leading > common * PARAGRAPH
        });
        above = Some(line);
    }
}

/// A hyphen at the end of a line that goes on with a small letter has split a word.
fn join_words(lines: Vec<Line>) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::new();
    for line in lines {
        let split = joined.last_mut().filter(|_| !line.starts && line.text.starts_with(char::is_lowercase));
        let split = split.filter(|last| {
            let word = last.text.strip_suffix(['-', '\u{2010}', '\u{ad}']);
            word.is_some_and(|word| word.ends_with(char::is_alphabetic))
        });
        if let Some(last) = split {
            last.text.pop();
            last.text.push_str(&line.text);
            last.height = line.height;
            last.smallest = last.smallest.min(line.smallest);
        } else {
            joined.push(line);
        }
    }
    joined
}
