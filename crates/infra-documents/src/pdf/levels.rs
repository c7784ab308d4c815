//! Rows of one height, and the gaps between them: those of a table, or gutters between columns of text.

use super::rows::Row;

/// Rows stand on one height if their baselines are no farther apart, in sizes of the smaller type.
const LEVEL: f64 = 0.3;
/// Levels follow each other if they are no farther apart, in sizes of their type.
const FOLLOWING: f64 = 2.5;
/// So many levels above and below a gap tell what it is.
const REACH: usize = 8;
/// Fewest levels of a gutter.
const LINES: usize = 3;
/// What stands beside a gutter is text if it is as wide as that, in sizes of its type; cells of a table are shorter.
const TEXT: f64 = 10.0;
/// The lines of a column fill so much of it.
const FILL: f64 = 0.7;
/// A gap of one line is no wider, in sizes of its type.
const WORD_GAP: f64 = 3.0;

/// The rows of one height, from left to right, by their places in a list.
pub(super) struct Level(pub(super) Vec<usize>);

/// What stands to the left and right of a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Words of one line.
    Words,
    /// Cells of a table, a list with numbers, or a head with its page's number.
    Cells,
    /// Columns of text.
    Gutter,
}

/// The levels of a page, from the top.
pub(super) fn levels(rows: &[Row]) -> Vec<Level> {
    let mut by_height: Vec<usize> = (0..rows.len()).collect();
    let angle = |row: &Row| (row.direction.atan2() * 30.0).round();
    by_height.sort_by(|one, other| {
        let (one, other) = (&rows[*one], &rows[*other]);
        angle(one).total_cmp(&angle(other)).then(other.height.total_cmp(&one.height))
    });
    let mut levels: Vec<Level> = Vec::new();
    for at in by_height {
        match levels.last_mut() {
            Some(level) if is_level(&rows[level.0[0]], &rows[at]) => level.0.push(at),
            _ => levels.push(Level(vec![at])),
        }
    }
    for level in &mut levels {
        level.0.sort_by(|one, other| rows[*one].start.total_cmp(&rows[*other].start));
    }
    levels
}

fn is_level(one: &Row, other: &Row) -> bool {
    one.direction.dot(other.direction) > 0.99 && (one.height - other.height).abs() < LEVEL * one.size.min(other.size)
}

/// What the levels around a gap show of it.
struct Around {
    /// Levels that have the gap and rows on both its sides.
    both: usize,
    /// Whether a row next above or below goes across it.
    crossed: bool,
    /// Widths of the rows left and right of it, in sizes of their type.
    left: Vec<f64>,
    right: Vec<f64>,
}

/// What the gap behind a row of a level is.
pub(super) fn gap(rows: &[Row], levels: &[Level], level: usize, behind: usize) -> Gap {
    let (left, right) = (&rows[levels[level].0[behind]], &rows[levels[level].0[behind + 1]]);
    let mut around = Around { both: 1, crossed: false, left: vec![ems(left)], right: vec![ems(right)] };
    let above = levels[..level].iter().rev();
    around.look(rows, (left.end, right.start), left, above);
    around.look(rows, (left.end, right.start), left, levels[level + 1..].iter());
    let mean = |widths: &[f64]| widths.iter().sum::<f64>() / widths.len() as f64;
    let widest = around.left.iter().copied().fold(0.0, f64::max);
    let is_text = mean(&around.left).min(mean(&around.right)) > TEXT && mean(&around.left) > FILL * widest;
    if around.both >= LINES && is_text {
        Gap::Gutter
    } else if around.both == 1 && around.crossed && right.start - left.end < WORD_GAP * left.size.max(right.size) {
        Gap::Words
    } else {
        Gap::Cells
    }
}

/// The last of the levels after one that still go on with its columns: no row goes across one of their gutters.
pub(super) fn last_of_columns(rows: &[Row], levels: &[Level], from: usize, gutters: &[f64]) -> usize {
    let goes_on = |pair: &&[Level]| {
        let (above, below) = (&rows[pair[0].0[0]], &rows[pair[1].0[0]]);
        let is_across = |row: &usize| gutters.iter().any(|at| rows[*row].start < *at && rows[*row].end > *at);
        above.direction.dot(below.direction) > 0.99
            && above.height - below.height < FOLLOWING * above.size
            && !pair[1].0.iter().any(is_across)
    };
    from + levels[from..].windows(2).take_while(goes_on).count()
}

fn ems(row: &Row) -> f64 {
    (row.end - row.start) / row.size
}

impl Around {
    /// Looks at the levels that follow in one direction, as long as the gap goes on.
    fn look<'a>(&mut self, rows: &[Row], gap: (f64, f64), from: &Row, levels: impl Iterator<Item = &'a Level>) {
        let (mut gap, mut height) = (gap, from.height);
        for (distance, level) in levels.take(REACH).enumerate() {
            let first = &rows[level.0[0]];
            if first.direction.dot(from.direction) < 0.99 || (first.height - height).abs() > FOLLOWING * from.size {
                return;
            }
            height = first.height;
            // The row before the gap and the one behind it.
            let behind = level.0.partition_point(|row| rows[*row].start < gap.0.midpoint(gap.1));
            let before = behind.checked_sub(1).map(|before| &rows[level.0[before]]);
            let after = level.0.get(behind).map(|after| &rows[*after]);
            gap.0 = before.map_or(gap.0, |row| gap.0.max(row.end));
            gap.1 = after.map_or(gap.1, |row| gap.1.min(row.start));
            if gap.0 >= gap.1 {
                self.crossed |= distance == 0;
                return;
            }
            if let (Some(before), Some(after)) = (before, after) {
                self.both += 1;
                self.left.push(ems(before));
                self.right.push(ems(after));
            }
        }
    }
}
