//! Pieces that stand on one baseline with no more than a word's space between them.

use std::collections::BTreeMap;

use hayro_interpret::kurbo::Vec2;

use super::piece::Piece;

/// Pieces stand on one line if their baselines are no farther apart, in sizes of the smaller type.
/// Raised and lowered letters are within it.
const SAME_LINE: f64 = 0.6;
/// Of two pieces over each other one is raised or lowered if they are so far apart, in sizes of the smaller.
const STACKED: f64 = 0.15;
/// A piece that is drawn next and begins where the last one ended stands on its line even if it is that much
/// higher or lower: the tall brackets of a formula.
const TALL: f64 = 1.3;
/// How near that is, in sizes of the larger type.
const NEAR: std::ops::Range<f64> = -0.3..0.5;
/// The gap that one line has at most between two pieces, in sizes of the larger type: that of a word, or a wider
/// one before what is drawn next. The gutter between two columns may be as narrow as that.
const GAP: std::ops::Range<f64> = -0.8..0.5;
const GAP_TO_NEXT: f64 = 1.0;
/// How many of the rows next to its height are looked at for a piece.
const NEIGHBOURS: usize = 32;
/// An initial is so much larger than the text that it begins.
const INITIAL: f64 = 1.8;
/// Most letters of an initial: a quotation mark may stand before it.
const INITIAL_LETTERS: usize = 2;
/// Degrees in which directions of writing are told apart.
const DEGREES: f64 = 2.0;

/// Pieces side by side, the first one first.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) pieces: Vec<Piece>,
    pub(super) direction: Vec2,
    pub(super) start: f64,
    pub(super) end: f64,
    /// The baseline of its largest type.
    pub(super) height: f64,
    /// The size of its largest type.
    pub(super) size: f64,
    /// Its place in the order of drawing: that of its first piece.
    pub(super) order: usize,
}

/// The rows of a page in the order in which they are drawn.
pub(super) fn rows(pieces: Vec<Piece>) -> Vec<Row> {
    let mut directions: BTreeMap<i64, Vec<Piece>> = BTreeMap::new();
    for piece in pieces {
        let degrees = piece.direction.atan2().to_degrees() / DEGREES;
        directions.entry(degrees.round() as i64).or_default().push(piece);
    }
    let mut rows: Vec<Row> = Vec::new();
    for mut pieces in directions.into_values() {
        // From left to right, each piece looks for the row that ends before it on its height.
        pieces.sort_by(|one, other| one.start.total_cmp(&other.start).then(one.order.cmp(&other.order)));
        let first = rows.len();
        let mut open: BTreeMap<i64, usize> = BTreeMap::new();
        for piece in pieces {
            let row = best(&piece, &rows, &open);
            match row {
                Some(at) => {
                    let before = key(rows[at].height);
                    rows[at].push(piece);
                    if open.get(&before) == Some(&at) {
                        open.remove(&before);
                    }
                    open.insert(key(rows[at].height), at);
                }
                None => {
                    open.insert(key(piece.height), rows.len());
                    rows.push(Row::new(piece));
                }
            }
        }
        give_initials(&mut rows, first);
    }
    rows.retain(|row| !row.pieces.is_empty());
    rows.sort_by_key(|row| row.order);
    rows
}

/// Heights in tenths of a point.
fn key(height: f64) -> i64 {
    // Absurd heights saturate.
    (height * 10.0).round() as i64
}

/// The row that a piece goes on with: the nearest in height. Those that end far before it are in nobody's way,
/// as a later one of their height takes their place.
fn best(piece: &Piece, rows: &[Row], open: &BTreeMap<i64, usize>) -> Option<usize> {
    let at = key(piece.height);
    let above = open.range(at..).take(NEIGHBOURS);
    let below = open.range(..at).rev().take(NEIGHBOURS);
    let fitting = above.chain(below).map(|(_, row)| *row).filter(|row| rows[*row].is_followed_by(piece));
    let distance = |row: &usize| (rows[*row].height - piece.height).abs();
    fitting.min_by(|one, other| distance(one).total_cmp(&distance(other)))
}

impl Row {
    fn new(piece: Piece) -> Self {
        let Piece { direction, start, end, height, size, order, .. } = piece;
        Self { pieces: vec![piece], direction, start, end, height, size, order }
    }

    fn push(&mut self, piece: Piece) {
        self.order = self.order.min(piece.order);
        self.start = self.start.min(piece.start);
        self.end = self.end.max(piece.end);
        // A raised letter says little about where the line stands: the largest type does.
        if piece.size > self.size {
            (self.size, self.height) = (piece.size, piece.height);
        }
        self.pieces.push(piece);
    }

    fn is_followed_by(&self, piece: &Piece) -> bool {
        let Some(last) = self.pieces.last() else { return false };
        let apart = (self.height - piece.height).abs();
        let gap = (piece.start - self.end) / self.size.max(piece.size);
        let is_next = piece.order.abs_diff(last.order) == 1;
        let is_close = GAP.contains(&gap) || (is_next && (GAP.start..GAP_TO_NEXT).contains(&gap));
        let is_level = is_close && apart < SAME_LINE * self.size.min(piece.size);
        let is_initial = self.size.max(piece.size) > INITIAL * self.size.min(piece.size);
        let is_tall = is_next && !is_initial && apart < TALL * self.size.max(piece.size) && NEAR.contains(&gap);
        (is_level || is_tall) && !self.pieces.iter().rev().take(NEIGHBOURS).any(|other| is_over(piece, other))
    }
}

/// Whether two pieces hide each other. A raised and a lowered one at the same place do not.
fn is_over(one: &Piece, other: &Piece) -> bool {
    let common = one.end.min(other.end) - one.start.max(other.start);
    common > (one.end - one.start).min(other.end - other.start) / 2.0
        && (one.height - other.height).abs() < STACKED * one.size.min(other.size)
}

/// A large first letter that hangs beside several lines belongs to the first of them.
fn give_initials(rows: &mut [Row], first: usize) {
    for at in first..rows.len() {
        let row = &rows[at];
        let Some(initial) = row.pieces.first().filter(|piece| is_initial(piece)) else { continue };
        let text = row.pieces.get(1).map_or(0.0, |next| next.size);
        if text * INITIAL > initial.size {
            continue;
        }
        let beside = |other: &Row| {
            other.size * INITIAL < initial.size
                && (other.start - initial.end) / initial.size > -0.1
                && (other.start - initial.end) / initial.size < 0.5
                && (0.2..1.1).contains(&((other.height - initial.height) / initial.size))
        };
        let Some(top) = (first..rows.len())
            .filter(|other| *other != at && beside(&rows[*other]))
            .max_by(|one, other| rows[*one].height.total_cmp(&rows[*other].height))
        else {
            continue;
        };
        let initial = rows[at].pieces.remove(0);
        rows[at].start = rows[at].pieces.first().map_or(initial.end, |piece| piece.start);
        if let Some(largest) = rows[at].pieces.iter().max_by(|one, other| one.size.total_cmp(&other.size)) {
            (rows[at].size, rows[at].height) = (largest.size, largest.height);
        }
        let row = &mut rows[top];
        row.order = row.order.min(initial.order);
        row.start = initial.start;
        // It ends where its word goes on: there is no space between.
        row.pieces.insert(0, Piece { end: row.pieces[0].start, ..initial });
    }
}

fn is_initial(piece: &Piece) -> bool {
    piece.glyphs.len() <= INITIAL_LETTERS
        && piece.glyphs.iter().any(|glyph| glyph.text.chars().all(char::is_alphabetic) && !glyph.text.is_empty())
}
