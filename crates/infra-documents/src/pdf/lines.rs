//! Lines of a page in the order of reading, and where paragraphs begin.

use hayro_interpret::kurbo::Vec2;

use super::{
    bidi,
    order::in_order,
    piece::{Piece, SPACE},
    rows::{Row, rows},
};

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
    /// The direction of writing, of length one.
    pub(super) direction: Vec2,
    /// Where it begins along its direction, in points.
    pub(super) start: f64,
    /// Where it ends.
    pub(super) end: f64,
    /// Whether it is a note or the value of a form field, which stands for itself.
    pub(super) is_note: bool,
}

/// The lines of a page in the order of reading.
pub(super) fn lines(pieces: Vec<Piece>) -> Vec<Line> {
    let glyphs = pieces.iter().flat_map(|piece| &piece.glyphs);
    let (left, right) = glyphs.fold((0, 0), |(left, right), glyph| {
        let (more_left, more_right) = bidi::letters(&glyph.text);
        (left + more_left, right + more_right)
    });
    let lines = in_order(rows(pieces)).into_iter().map(|rows| line(rows, right > left));
    lines.filter(|line| !line.text.is_empty()).collect()
}

/// One line of rows that stand side by side.
fn line(rows: Vec<Row>, is_page_from_right: bool) -> Line {
    let mut row: Vec<Piece> = rows.into_iter().flat_map(|row| row.pieces).collect();
    row.sort_by(|one, other| one.start.total_cmp(&other.start));
    let letters = |piece: &Piece| piece.glyphs.len();
    let main = row.iter().max_by_key(|piece| letters(piece));
    let (size, height, direction) =
        main.map_or((0.0, 0.0, Vec2::ZERO), |piece| (piece.size, piece.height, piece.direction));
    let is_from_right = row.iter().flat_map(|piece| &piece.glyphs).any(|glyph| bidi::is_from_right(&glyph.text));
    let text = if is_from_right { from_right(&row, size, is_page_from_right) } else { from_left(&row) };
    Line {
        text: text.trim().to_owned(),
        smallest: row.iter().map(|piece| piece.size).fold(f64::INFINITY, f64::min),
        size,
        height,
        starts: false,
        direction,
        start: row.first().map_or(0.0, |piece| piece.start),
        end: row.iter().map(|piece| piece.end).fold(f64::NEG_INFINITY, f64::max),
        is_note: false,
    }
}

fn from_left(row: &[Piece]) -> String {
    let mut text = String::new();
    let mut end = f64::INFINITY;
    for piece in row {
        let is_parted = text.ends_with(char::is_whitespace)
            || piece.glyphs.first().is_some_and(|glyph| glyph.text.starts_with(char::is_whitespace));
        if piece.start - end > SPACE * piece.size && !is_parted {
            text.push(' ');
        }
        piece.write(&mut text);
        end = if end.is_finite() { end.max(piece.end) } else { piece.end };
    }
    text
}

/// The pieces stand from left to right, whatever the order in which they were drawn, and the glyphs in each of them
/// as well: what has no width stands where it was drawn.
fn from_right(row: &[Piece], size: f64, is_page_from_right: bool) -> String {
    let mut visual: Vec<&str> = Vec::new();
    let mut end = f64::INFINITY;
    for glyph in row.iter().flat_map(|piece| &piece.glyphs) {
        let is_blank = |text: &str| text.trim().is_empty();
        let is_parted = visual.last().is_some_and(|last| is_blank(last)) || is_blank(&glyph.text);
        if glyph.start - end > SPACE * size && !is_parted {
            visual.push(" ");
        }
        end = if end.is_finite() { end.max(glyph.end) } else { glyph.end };
        visual.push(&glyph.text);
    }
    bidi::logical(&visual, is_page_from_right)
}

/// The lines of a page's text, with the words joined that its lines have split, and paragraphs marked.
pub(super) fn with_paragraphs(mut lines: Vec<Line>) -> Vec<Line> {
    mark_paragraphs(&mut lines);
    join_words(lines)
}

/// Marks where paragraphs begin, from the distances between the lines.
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
            line.is_note
                || above.is_note
                || is_beside
                || above.direction.dot(line.direction) < 0.99
                || sizes > OTHER_SIZE
                || leading < 0.0
                || leading > common * PARAGRAPH
        });
        above = Some(line);
    }
}

/// A hyphen at the end of a line has split a word if a letter follows that begins no sentence and no name: a small
/// one, or one of a script that has no capitals. The next column may go on with the word.
fn join_words(lines: Vec<Line>) -> Vec<Line> {
    let mut joined: Vec<Line> = Vec::new();
    for line in lines {
        let split = joined.last_mut().filter(|last| {
            let word = last.text.strip_suffix(HYPHENS);
            let goes_on = !line.starts || is_next_column(last, &line);
            goes_on
                && word.is_some_and(|word| word.ends_with(char::is_alphabetic))
                && line.text.starts_with(|letter: char| letter.is_alphabetic() && !letter.is_uppercase())
        });
        if let Some(last) = split {
            last.text.pop();
            last.text.push_str(&line.text);
            let Line { height, start, end, .. } = line;
            (last.height, last.start, last.end) = (height, start, end);
            last.smallest = last.smallest.min(line.smallest);
        } else {
            joined.push(line);
        }
    }
    joined
}

/// The hyphens of all scripts that split words at the end of a line.
const HYPHENS: [char; 5] = ['-', '\u{ad}', '\u{58a}', '\u{2010}', '\u{2e17}'];

fn is_next_column(above: &Line, below: &Line) -> bool {
    let sizes = above.size.max(below.size) / above.size.min(below.size);
    let is_beside = below.start >= above.end || above.start >= below.end;
    is_beside && below.height > above.height && sizes < OTHER_SIZE && above.direction.dot(below.direction) > 0.99
}
