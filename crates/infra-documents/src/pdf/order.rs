//! The order of reading.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::{
    bidi,
    levels::{Gap, Level, gap, last_of_columns, levels},
    rows::Row,
};

/// Most rows of a page that are put in order; each is compared with each. A page with more is left as it is drawn.
const MAX_ROWS: usize = 1_000;
/// A row stands over another one if they share so much of the shorter one's width.
const OVER: f64 = 0.3;
/// And if their baselines are so far apart, in sizes of the smaller type.
const ABOVE: f64 = 0.5;

/// Rows that make one line of text.
struct Group {
    rows: Vec<usize>,
    start: f64,
    end: f64,
    height: f64,
    size: f64,
    order: usize,
}

/// The rows of a page, given in the order of drawing, as lines in the order of reading.
///
/// Programs draw pages as people read them, column after column, so the order of drawing is kept where nothing
/// speaks against it. Two things do: a line is never read before one that stands over it (a heading or a running
/// head that is drawn last, text that is drawn font by font, a page that is drawn from its end), and columns of text
/// that are drawn line by line across all of them are read one after the other.
pub(super) fn in_order(mut rows: Vec<Row>) -> Vec<Vec<Row>> {
    if rows.len() > MAX_ROWS {
        return rows.into_iter().map(|row| vec![row]).collect();
    }
    let levels = levels(&rows);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let joined = joined(&rows, &levels, &mut order);
    if is_backwards(&rows) {
        let last = rows.len();
        order.iter_mut().for_each(|order| *order = last - *order);
    }
    let groups = sorted(groups(&rows, &levels, &joined, &order), &rows);
    let mut rows: Vec<Option<Row>> = rows.drain(..).map(Some).collect();
    groups.into_iter().map(|group| group.rows.into_iter().filter_map(|row| rows[row].take()).collect()).collect()
}

/// For each level and each row but the last one, whether it makes a line with the one on its right. Columns that
/// are drawn across get a new order.
fn joined(rows: &[Row], levels: &[Level], order: &mut [usize]) -> Vec<Vec<bool>> {
    let mut gutters: Vec<(usize, f64)> = Vec::new();
    let mut joined = Vec::with_capacity(levels.len());
    for (at, level) in levels.iter().enumerate() {
        let pairs = level.0.windows(2).enumerate().map(|(behind, pair)| {
            let (left, right) = (&rows[pair[0]], &rows[pair[1]]);
            if left.end - right.start > left.size.min(right.size) / 2.0 {
                return false;
            }
            let is_drawn_so = pair[0].abs_diff(pair[1]) == 1;
            match gap(rows, levels, at, behind) {
                Gap::Words => true,
                Gap::Cells => is_drawn_so,
                Gap::Gutter => {
                    if is_drawn_so {
                        gutters.push((at, left.end.midpoint(right.start)));
                    }
                    false
                }
            }
        });
        joined.push(pairs.collect());
    }
    let mut from = 0;
    while from < gutters.len() {
        // The levels of one stretch follow each other.
        let mut to = from;
        while to + 1 < gutters.len() && gutters[to + 1].0 - gutters[to].0 <= 1 {
            to += 1;
        }
        let first = gutters[from].0;
        let mids: Vec<f64> =
            gutters[from..=to].iter().filter(|(level, _)| *level == first).map(|(_, mid)| *mid).collect();
        // One column may be longer than the others.
        let last = last_of_columns(rows, levels, gutters[to].0, &mids);
        one_after_the_other(rows, &levels[first..=last], &mids, order);
        from = to + 1;
    }
    joined
}

/// Columns between gutters are read one after the other, the right one first where their script begins there.
fn one_after_the_other(rows: &[Row], levels: &[Level], gutters: &[f64], order: &mut [usize]) {
    let within: Vec<usize> = levels.iter().flat_map(|level| &level.0).copied().collect();
    let mut places: Vec<usize> = within.iter().map(|row| order[*row]).collect();
    places.sort_unstable();
    let from_right = within.iter().filter(|row| is_from_right(&rows[**row])).count();
    let column = |row: &usize| {
        let column = gutters.iter().filter(|gutter| **gutter < rows[*row].start).count();
        if from_right * 2 > within.len() { gutters.len() - column } else { column }
    };
    // From the top, as the levels are.
    let mut read = within.clone();
    read.sort_by_key(column);
    for (row, place) in read.into_iter().zip(places) {
        order[row] = place;
    }
}

fn is_from_right(row: &Row) -> bool {
    row.pieces.iter().flat_map(|piece| &piece.glyphs).any(|glyph| bidi::is_from_right(&glyph.text))
}

/// Whether most lines are drawn before those that stand over them.
fn is_backwards(rows: &[Row]) -> bool {
    let over = rows.windows(2).filter(|pair| is_over(&pair[0], &pair[1])).count();
    let under = rows.windows(2).filter(|pair| is_over(&pair[1], &pair[0])).count();
    under > over
}

fn is_over(above: &Row, below: &Row) -> bool {
    above.direction.dot(below.direction) > 0.99
        && stands_over(
            (above.start, above.end, above.height, above.size),
            (below.start, below.end, below.height, below.size),
        )
}

/// Start, end, height and size of each.
fn stands_over(above: (f64, f64, f64, f64), below: (f64, f64, f64, f64)) -> bool {
    let common = above.1.min(below.1) - above.0.max(below.0);
    above.2 - below.2 > ABOVE * above.3.min(below.3) && common > OVER * (above.1 - above.0).min(below.1 - below.0)
}

fn groups(rows: &[Row], levels: &[Level], joined: &[Vec<bool>], order: &[usize]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (level, joined) in levels.iter().zip(joined) {
        for (at, &row) in level.0.iter().enumerate() {
            let Row { start, end, height, size, .. } = rows[row];
            let order = order[row];
            match groups.last_mut().filter(|_| at > 0 && joined[at - 1]) {
                Some(group) => {
                    group.rows.push(row);
                    group.end = group.end.max(end);
                    group.order = group.order.min(order);
                }
                None => groups.push(Group { rows: vec![row], start, end, height, size, order }),
            }
        }
    }
    groups
}

/// The groups as they are read: of those that no other one stands over, the one drawn first is next.
fn sorted(groups: Vec<Group>, rows: &[Row]) -> Vec<Group> {
    let is_over = |above: &Group, below: &Group| {
        rows[above.rows[0]].direction.dot(rows[below.rows[0]].direction) > 0.99
            && stands_over(
                (above.start, above.end, above.height, above.size),
                (below.start, below.end, below.height, below.size),
            )
    };
    let over = |below: &Group| groups.iter().filter(|above| is_over(above, below)).count();
    let mut waiting: Vec<usize> = groups.iter().map(over).collect();
    let free = waiting.iter().enumerate().filter(|(_, over)| **over == 0);
    let mut free: BinaryHeap<Reverse<(usize, usize)>> = free.map(|(at, _)| Reverse((groups[at].order, at))).collect();
    let mut read = Vec::with_capacity(groups.len());
    while let Some(Reverse((_, next))) = free.pop() {
        read.push(next);
        for (at, group) in groups.iter().enumerate() {
            if is_over(&groups[next], group) {
                waiting[at] -= 1;
                if waiting[at] == 0 {
                    free.push(Reverse((group.order, at)));
                }
            }
        }
    }
    let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
    read.into_iter().filter_map(|at| groups[at].take()).collect()
}
