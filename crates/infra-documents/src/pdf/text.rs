//! The text of a page, piece by piece as the page draws it.

use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, TransformExt as _,
    font::{Glyph, GlyphRun},
    hayro_cmap::{BfString, WritingMode},
    hayro_syntax::{
        object::{Dict, String as PdfString},
        page::Page,
    },
    interpret_page,
    kurbo::{Affine, BezPath, Point, Rect, Vec2},
};
use unicode_normalization::UnicodeNormalization as _;

use super::catalogue::text_string;

/// Units of a font's design in one em.
const UNITS: f64 = 1000.0;
/// A wider gap between two letters is a space, in ems.
pub(super) const SPACE: f64 = 0.1;
/// Between two ideographs it is that only if it is as wide as half of one.
const IDEOGRAPHIC_SPACE: f64 = 0.5;
/// Fewest gaps between letters of a piece that tell whether it is spaced out.
const SPACED_OUT: usize = 8;
/// A piece goes on where a letter stands no more than this before its end, in ems.
const SAME_PIECE: f64 = 0.5;

/// Text of one direction whose letters follow each other.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The text as it stands: from left to right, whatever its script, and from top to bottom.
    pub(super) text: String,
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
}

/// The pieces of a page, in the order in which they are drawn. That is the order of reading in all
/// but odd files: programs write pages as people read them, column after column.
pub(super) fn pieces<'a>(page: &Page<'a>, cache: &InterpreterCache<'a>, settings: &InterpreterSettings) -> Vec<Piece> {
    let (width, height) = page.render_dimensions();
    let area = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let transform = page.initial_transform(false).to_kurbo();
    let mut context = Context::new(transform, area, cache, page.xref(), settings.clone());
    let mut collector = Collector::default();
    interpret_page(page, &mut context, &mut collector);
    collector.drafts.into_iter().map(Draft::finish).collect()
}

#[derive(Default)]
struct Collector {
    drafts: Vec<Draft>,
    /// What the open stretches of marked content say that they read, and have not yet; the innermost is last.
    actual: Vec<Option<String>>,
    /// Where and what the last run was.
    last_run: Option<(Point, Vec<u32>)>,
}

/// A piece in the making: it is not known yet which gaps are spaces.
struct Draft {
    piece: Piece,
    /// What each glyph reads, behind the gap before it in ems.
    glyphs: Vec<(f64, String)>,
}

/// A glyph, as the page shows it.
struct Shown {
    origin: Point,
    direction: Vec2,
    advance: f64,
    size: f64,
}

impl Collector {
    fn show(&mut self, glyph: &Glyph<'_>, transform: Affine, mode: WritingMode) {
        let Some(shown) = Shown::new(glyph, transform, mode) else { return };
        // The first glyph of a stretch that says what it reads stands for all of it.
        let actual = self.actual.iter_mut().rev().find_map(Option::as_mut);
        let text = actual.map_or_else(|| text_of(glyph), std::mem::take);
        let end = shown.along() + shown.advance;
        if let Some(draft) = self.drafts.last_mut().filter(|draft| draft.piece.is_followed_by(&shown)) {
            if text.is_empty() {
                draft.piece.end = draft.piece.end.max(end);
            } else {
                draft.glyphs.push(((shown.along() - draft.piece.end) / draft.piece.size, text));
                draft.piece.end = end;
            }
        } else if !text.trim().is_empty() {
            let (start, height) = (shown.along(), shown.height());
            let Shown { direction, size, .. } = shown;
            let piece = Piece { text: String::new(), direction, start, end, height, size };
            self.drafts.push(Draft { piece, glyphs: vec![(0.0, text)] });
        }
    }
}

impl Draft {
    /// The piece, with spaces where the gaps are wide.
    fn finish(self) -> Piece {
        let Self { mut piece, glyphs } = self;
        let is_letter = |text: &str| text.chars().all(char::is_alphanumeric);
        let inner = glyphs.windows(2).filter(|pair| is_letter(&pair[0].1) && is_letter(&pair[1].1));
        let mut gaps: Vec<f64> = inner.map(|pair| pair[1].0).collect();
        gaps.sort_by(f64::total_cmp);
        // Where most letters stand apart the gaps between words are wider still.
        let common = gaps.get(gaps.len() / 2).copied().filter(|_| gaps.len() >= SPACED_OUT).unwrap_or(0.0);
        let space = if common > SPACE { common * 1.5 } else { SPACE };
        for (gap, text) in glyphs {
            let (before, after) = (piece.text.chars().next_back(), text.chars().next());
            let are = |rule: fn(char) -> bool| before.is_some_and(rule) && after.is_some_and(rule);
            let space = if are(is_ideograph) { IDEOGRAPHIC_SPACE.max(space) } else { space };
            if gap > space && are(|character| !character.is_whitespace()) {
                piece.text.push(' ');
            }
            piece.text.push_str(&text);
        }
        piece
    }
}

impl Piece {
    fn is_followed_by(&self, shown: &Shown) -> bool {
        // Another size is another piece, so that a line knows its sizes.
        (self.size - shown.size).abs() < 0.05 * self.size
            && self.direction.dot(shown.direction) > 0.99
            && (self.height - shown.height()).abs() < 0.1 * self.size
            && shown.along() > self.end - SAME_PIECE * self.size
    }
}

impl Shown {
    fn new(glyph: &Glyph<'_>, transform: Affine, mode: WritingMode) -> Option<Self> {
        let advance = match glyph {
            Glyph::Outline(outline) => outline.advance_width(),
            Glyph::Type3(drawn) => drawn.advance_width(),
        };
        let origin = transform * Point::ORIGIN;
        let em = |x: f64, y: f64| transform * Point::new(x * UNITS, y * UNITS) - origin;
        let (across, up) = (em(1.0, 0.0), em(0.0, 1.0));
        let (along, advance) = match mode {
            WritingMode::Horizontal => (across, f64::from(advance.unwrap_or(0.0)) / UNITS * across.hypot()),
            WritingMode::Vertical => (-up, up.hypot()),
        };
        let size = up.hypot();
        let is_sane = [origin.x, origin.y, along.x, along.y, advance, size].iter().all(|number| number.is_finite());
        (is_sane && along.hypot() > 0.0 && size > 0.0).then(|| Self {
            origin,
            direction: along / along.hypot(),
            advance,
            size,
        })
    }

    fn along(&self) -> f64 {
        self.origin.to_vec2().dot(self.direction)
    }

    fn height(&self) -> f64 {
        self.direction.cross(self.origin.to_vec2())
    }
}

/// What a glyph reads. Ligatures and letters in the form that their neighbours give them are taken apart.
fn text_of(glyph: &Glyph<'_>) -> String {
    let text = match glyph.as_unicode() {
        Some(BfString::Char(character)) => character.to_string(),
        Some(BfString::String(text)) => text,
        None => return String::new(),
    };
    let is_form = |character| matches!(character, '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}');
    if text.chars().any(is_form) { text.nfkc().collect() } else { text.replace('\u{a0}', " ") }
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ffef}' | '\u{20000}'..='\u{3ffff}')
}

impl<'a> Device<'a> for Collector {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        let transforms: Vec<Affine> = run.glyphs().iter().map(|glyph| props.transform * glyph.transform()).collect();
        // Outlines and shadows are drawn over the same letters, at all but the same place.
        let codes: Vec<u32> = run.glyphs().iter().map(|glyph| glyph.char_code()).collect();
        if let Some(first) = transforms.first() {
            let origin = *first * Point::ORIGIN;
            let near = (*first * Point::new(0.0, UNITS) - origin).hypot() / 5.0;
            if self.last_run.as_ref().is_some_and(|(at, same)| *same == codes && at.distance(origin) < near) {
                return;
            }
            self.last_run = Some((origin, codes));
        }
        for (glyph, transform) in run.glyphs().iter().zip(transforms) {
            self.show(glyph, transform, run.writing_mode());
        }
    }

    fn begin_marked_content(&mut self, _: &[u8], properties: Option<&Dict<'_>>) {
        let text = properties.and_then(|properties| properties.get::<PdfString<'_>>(b"ActualText"));
        self.actual.push(text.map(|text| text_string(text.as_bytes())));
    }

    fn end_marked_content(&mut self) {
        self.actual.pop();
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
