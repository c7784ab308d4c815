//! Numbers in the margin that count the lines of a page.

use std::collections::BTreeMap;

use super::piece::Piece;

/// Fewest numbers that count lines.
const FEWEST: usize = 5;
/// Numbers that are as large as the text count lines only if there are so many: fewer may be those of a table.
const SURE: usize = 20;
/// They are in smaller type than the lines that they count.
const SMALLER: f64 = 0.95;
/// Most digits of one.
const MAX_DIGITS: usize = 6;
/// Most pieces of a page that is looked at; each number is compared with each of them.
const MAX_PIECES: usize = 4_000;

/// Leaves out numbers that stand in one column with nothing else in it, each greater than the one above by the same
/// step.
pub(super) fn without_line_numbers(pieces: Vec<Piece>) -> Vec<Piece> {
    let numbers: Vec<(usize, u32)> =
        pieces.iter().enumerate().filter_map(|(at, piece)| Some((at, number(piece)?))).collect();
    if numbers.len() < FEWEST || pieces.len() > MAX_PIECES {
        return pieces;
    }
    let mut is_dropped = vec![false; pieces.len()];
    for edge in [|piece: &Piece| piece.end, |piece: &Piece| piece.start] {
        let mut columns: BTreeMap<i64, Vec<(usize, u32)>> = BTreeMap::new();
        for &(at, number) in &numbers {
            // To the nearest point; absurd places saturate.
            columns.entry(edge(&pieces[at]).round() as i64).or_default().push((at, number));
        }
        for mut column in columns.into_values().filter(|column| column.len() >= FEWEST) {
            column.sort_by(|one, other| pieces[other.0].height.total_cmp(&pieces[one.0].height));
            if counts_lines(&pieces, &column) {
                column.iter().for_each(|(at, _)| is_dropped[*at] = true);
            }
        }
    }
    pieces.into_iter().zip(is_dropped).filter(|(_, is_dropped)| !is_dropped).map(|(piece, _)| piece).collect()
}

fn number(piece: &Piece) -> Option<u32> {
    let is_digits = piece.glyphs.len() <= MAX_DIGITS
        && piece.direction.x > 0.99
        && piece.glyphs.iter().all(|glyph| glyph.text.bytes().all(|byte| byte.is_ascii_digit()));
    is_digits.then(|| piece.glyphs.iter().map(|glyph| glyph.text.as_str()).collect::<String>().parse().ok())?
}

/// Whether numbers, from the top, count lines.
fn counts_lines(pieces: &[Piece], column: &[(usize, u32)]) -> bool {
    let steps = column.windows(2).map(|pair| pair[1].1.checked_sub(pair[0].1));
    let step = column[1].1.checked_sub(column[0].1).filter(|step| *step > 0);
    if step.is_none() || !steps.clone().all(|other| other == step) {
        return false;
    }
    let (top, bottom) = (&pieces[column[0].0], &pieces[column[column.len() - 1].0]);
    let own = column.iter().map(|(at, _)| &pieces[*at]);
    let (start, end) = own
        .clone()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(start, end), piece| (start.min(piece.start), end.max(piece.end)));
    let is_inside = |piece: &Piece| {
        piece.end > start
            && piece.start < end
            && piece.height < top.height + top.size / 2.0
            && piece.height > bottom.height - bottom.size / 2.0
    };
    if pieces.iter().filter(|piece| is_inside(piece)).count() > column.len() {
        return false;
    }
    let is_smaller = |number: &Piece| {
        let level = pieces.iter().filter(|piece| (piece.height - number.height).abs() < number.size / 2.0);
        let behind = level.filter(|piece| piece.start >= number.end);
        let next = behind.min_by(|one, other| one.start.total_cmp(&other.start));
        next.is_some_and(|next| number.size < SMALLER * next.size)
    };
    column.len() >= SURE || own.filter(|number| is_smaller(number)).count() * 2 > column.len()
}
