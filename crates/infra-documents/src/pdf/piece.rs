//! Glyphs that follow each other on one baseline, and the spaces between them.

use hayro_interpret::kurbo::Vec2;

/// A wider gap between two letters is a space, in ems.
pub(super) const SPACE: f64 = 0.1;
/// Between two ideographs it is that only if it is as wide as half of one.
const IDEOGRAPHIC_SPACE: f64 = 0.5;
/// Fewest gaps between letters of a piece that tell whether it is spaced out.
const SPACED_OUT: usize = 8;

/// What one glyph reads, and where along its line it stands, in points.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// Its text in the order of reading.
    pub(super) text: String,
    /// Where it begins.
    pub(super) start: f64,
    /// Where it ends.
    pub(super) end: f64,
}

/// Glyphs of one size and direction that stand side by side.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The glyphs as they stand: from left to right, whatever their script, or from top to bottom.
    pub(super) glyphs: Vec<Placed>,
    /// The direction of writing on the page, of length one.
    pub(super) direction: Vec2,
    /// Where it begins along its direction, in points.
    pub(super) start: f64,
    /// Where it ends.
    pub(super) end: f64,
    /// How high its baseline stands, seen along its direction, in points.
    pub(super) height: f64,
    /// The size of its type, in points.
    pub(super) size: f64,
    /// How many pieces the page draws before it.
    pub(super) order: usize,
}

impl Piece {
    /// Writes its text, with spaces where the gaps are wide.
    pub(super) fn write(&self, out: &mut String) {
        let is_letter = |glyph: &Placed| glyph.text.chars().all(char::is_alphanumeric);
        let gap = |pair: &[Placed]| (pair[1].start - pair[0].end) / self.size;
        let inner = self.glyphs.windows(2).filter(|pair| is_letter(&pair[0]) && is_letter(&pair[1]));
        let mut gaps: Vec<f64> = inner.map(gap).collect();
        gaps.sort_by(f64::total_cmp);
        // Where most letters stand apart the gaps between words are wider still.
        let common = gaps.get(gaps.len() / 2).copied().filter(|_| gaps.len() >= SPACED_OUT).unwrap_or(0.0);
        let space = if common > SPACE { common * 1.5 } else { SPACE };
        let mut last: Option<&Placed> = None;
        for glyph in &self.glyphs {
            if let Some(last) = last {
                let (before, after) = (last.text.chars().next_back(), glyph.text.chars().next());
                let are = |rule: fn(char) -> bool| before.is_some_and(rule) && after.is_some_and(rule);
                let space = if are(is_ideograph) { IDEOGRAPHIC_SPACE.max(space) } else { space };
                if (glyph.start - last.end) / self.size > space && are(|character| !character.is_whitespace()) {
                    out.push(' ');
                }
            }
            out.push_str(&glyph.text);
            last = Some(glyph);
        }
    }
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}
