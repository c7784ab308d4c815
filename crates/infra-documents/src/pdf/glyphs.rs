//! What a page draws: its text, piece by piece, and whether there is anything else.

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

use super::{
    accents, bidi,
    catalogue::text_string,
    other::Other,
    piece::{Piece, Placed},
};

/// Units of a font's design in one em.
const UNITS: f64 = 1000.0;
/// A piece goes on where a letter stands no more than this before its end, in ems.
const BACK: f64 = 0.5;
/// The same where the letters are written from right to left: a narrow one that is drawn after the one on its
/// right stands before it, not behind.
const BACK_FROM_RIGHT: f64 = 0.15;
/// A wider gap parts two pieces, in ems.
const GAP: f64 = 1.0;
/// An accent stands over the letter that has its middle within so much of the accent's, in ems.
const OVER: f64 = 0.3;
/// Most glyphs of a page. More are no text.
const MAX_GLYPHS: usize = 500_000;

/// What a page draws.
#[derive(Default)]
pub(super) struct Drawn {
    /// Its text.
    pub(super) pieces: Vec<Piece>,
    /// What is there that is no text.
    pub(super) other: Other,
}

/// Draws a page into a list. Its pieces are in the order in which they are drawn.
pub(super) fn draw<'a>(page: &Page<'a>, cache: &InterpreterCache<'a>, settings: &InterpreterSettings) -> Drawn {
    let (width, height) = page.render_dimensions();
    let area = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let transform = page.initial_transform(false).to_kurbo();
    let mut context = Context::new(transform, area, cache, page.xref(), settings.clone());
    let mut collector = Collector::default();
    interpret_page(page, &mut context, &mut collector);
    collector.release_accent();
    collector.drawn
}

#[derive(Default)]
struct Collector {
    drawn: Drawn,
    glyphs: usize,
    /// What the open stretches of marked content say that they read, and have not yet; the innermost is last.
    actual: Vec<Option<String>>,
    /// Where and what the last run was.
    last_run: Option<(Point, Vec<u32>)>,
    /// An accent that waits for the letter below it.
    accent: Option<(Shown, String, char)>,
    /// Marks that were drawn after the last letter and may belong to the next.
    marks: Vec<(f64, String)>,
}

/// A glyph, as the page shows it.
#[derive(Clone, Copy)]
struct Shown {
    origin: Point,
    direction: Vec2,
    advance: f64,
    size: f64,
}

impl Collector {
    fn show(&mut self, glyph: &Glyph<'_>, transform: Affine, mode: WritingMode) {
        let Some(shown) = Shown::new(glyph, transform, mode).filter(|_| self.glyphs < MAX_GLYPHS) else { return };
        self.glyphs += 1;
        // The first glyph of a stretch that says what it reads stands for all of it.
        let actual = self.actual.iter_mut().rev().find_map(Option::as_mut);
        let text = match actual.map(std::mem::take).or_else(|| text_of(glyph)) {
            Some(text) => without_private(text),
            None => {
                self.drawn.other.unknown_letters = true;
                String::new()
            }
        };
        if let Some((accent, spelled, mark)) = self.accent.take() {
            match accents::combined(&text, mark).filter(|_| shown.is_over(&accent)) {
                Some(letter) => return self.put(shown, letter),
                None => self.put(accent, spelled),
            }
        }
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return self.put(shown, text);
        }
        match accents::spacing_accent(&text) {
            Some(mark) => self.accent(shown, text, mark),
            None if accents::is_mark(&text) => self.marks.push((shown.height(), text)),
            None => self.put(shown, text),
        }
    }

    /// An accent stands over the last letter, or waits for the next one.
    fn accent(&mut self, shown: Shown, text: String, mark: char) {
        let last = self.drawn.pieces.last_mut().filter(|piece| piece.is_near(&shown));
        if let Some(letter) = last.and_then(|piece| piece.glyphs.last_mut())
            && (shown.middle() - letter.start.midpoint(letter.end)).abs() < OVER * shown.size
            && let Some(composed) = accents::combined(&letter.text, mark)
        {
            letter.text = composed;
        } else {
            self.accent = Some((shown, text, mark));
        }
    }

    fn release_accent(&mut self) {
        if let Some((shown, text, _)) = self.accent.take() {
            self.put(shown, text);
        }
        self.attach_marks();
    }

    fn put(&mut self, shown: Shown, mut text: String) {
        if !self.marks.is_empty() && !text.is_empty() {
            text = self.with_marks(&shown, text);
        }
        let (start, end) = (shown.along(), shown.along() + shown.advance);
        let is_blank = text.trim().is_empty();
        let order = self.drawn.pieces.len();
        let last = self.drawn.pieces.last_mut();
        if let Some(piece) = last.filter(|piece| piece.is_followed_by(&shown, &text)) {
            if text.is_empty() {
                // What reads nothing is no gap.
                piece.glyphs.last_mut().into_iter().for_each(|glyph| glyph.end = glyph.end.max(end));
            } else {
                piece.glyphs.push(Placed { text, start, end });
            }
            piece.start = piece.start.min(start);
            piece.end = piece.end.max(end);
        } else if !is_blank {
            let height = shown.height();
            let Shown { direction, size, .. } = shown;
            let glyphs = vec![Placed { text, start, end }];
            self.drawn.pieces.push(Piece { glyphs, direction, start, end, height, size, order });
        }
    }

    /// Marks follow the letter that they stand at. Lines from right to left are mostly drawn from left to right,
    /// the marks of a letter before it and the last of them first; otherwise a letter is drawn before its marks.
    fn with_marks(&mut self, shown: &Shown, text: String) -> String {
        let last = self.drawn.pieces.last();
        let is_drawn_from_left = bidi::is_from_right(&text)
            && last.is_none_or(|piece| {
                let goes_on = piece.is_near(shown);
                let near = |height: f64| (height - shown.height()).abs() < (height - piece.height).abs();
                if goes_on { piece.start <= shown.along() } else { self.marks.iter().all(|(height, _)| near(*height)) }
            });
        if is_drawn_from_left {
            let marks: String = self.marks.drain(..).rev().map(|(_, mark)| mark).collect();
            return text + &marks;
        }
        self.attach_marks();
        text
    }

    /// Adds the marks that wait to the last letter.
    fn attach_marks(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        if let Some(letter) = self.drawn.pieces.last_mut().and_then(|piece| piece.glyphs.last_mut()) {
            letter.text.extend(marks.iter().map(|(_, mark)| mark.as_str()));
        }
    }
}

impl Piece {
    fn is_followed_by(&self, shown: &Shown, text: &str) -> bool {
        let is_from_right =
            bidi::is_from_right(text) || self.glyphs.last().is_some_and(|last| bidi::is_from_right(&last.text));
        let back = if is_from_right { BACK_FROM_RIGHT } else { BACK };
        let end = self.glyphs.last().map_or(self.end, |last| last.end);
        // Another size is another piece, so that a line knows its sizes.
        (self.size - shown.size).abs() < 0.05 * self.size
            && self.direction.dot(shown.direction) > 0.99
            && (self.height - shown.height()).abs() < 0.1 * self.size
            && (-back..GAP).contains(&((shown.along() - end) / self.size))
    }

    /// Whether a glyph stands on its line, or a little above or below.
    fn is_near(&self, shown: &Shown) -> bool {
        self.direction.dot(shown.direction) > 0.99 && (self.height - shown.height()).abs() < 0.6 * self.size
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

    fn middle(&self) -> f64 {
        self.along() + self.advance / 2.0
    }

    /// Whether an accent stands over it. The accent of a capital stands higher.
    fn is_over(&self, accent: &Self) -> bool {
        self.direction.dot(accent.direction) > 0.99
            && (self.middle() - accent.middle()).abs() < OVER * self.size
            && (self.height() - accent.height()).abs() < self.size / 2.0
    }
}

/// What a glyph reads, if its font says so. Ligatures and letters in the form that their neighbours give them are
/// taken apart: they are no characters of the text, but how it was set.
fn text_of(glyph: &Glyph<'_>) -> Option<String> {
    let text = match glyph.as_unicode() {
        Some(BfString::Char(character)) => character.to_string(),
        Some(BfString::String(text)) => text,
        None => return bitmap_of(glyph).map(str::to_owned),
    };
    let is_form = |character| matches!(character, '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}');
    Some(if text.chars().any(is_form) { text.nfkc().collect() } else { text.replace('\u{a0}', " ") })
}

/// Bitmaps of TeX's fonts have names such as `a101` that say nothing but their code, which is that of ASCII; the
/// ligatures stand where its control characters are, in the old encoding (OT1) and the newer one (T1).
fn bitmap_of(glyph: &Glyph<'_>) -> Option<&'static str> {
    const ASCII: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    if !matches!(glyph, Glyph::Type3(_)) {
        return None;
    }
    match glyph.char_code() {
        11 | 27 => Some("ff"),
        12 | 28 => Some("fi"),
        13 | 29 => Some("fl"),
        14 | 30 => Some("ffi"),
        15 | 31 => Some("ffl"),
        code => usize::try_from(code).ok().and_then(|code| ASCII.get(code.checked_sub(33)?..code - 32)),
    }
}

/// Characters for private use are pictures of icon fonts; nobody can read or look for them.
fn without_private(mut text: String) -> String {
    text.retain(|character| {
        !matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}')
    });
    text
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

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {
        self.drawn.other.shapes = true;
    }

    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {
        self.drawn.other.shapes = true;
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.drawn.other.pictures = true;
    }

    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_clip_rect(&mut self, _: &Rect) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
