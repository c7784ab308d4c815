//! What people add to a page: the values of form fields, and notes.

use std::cmp::Reverse;

use hayro_interpret::{
    TransformExt as _,
    hayro_syntax::{
        object::{Array, Dict, Name, Object, Rect, String as PdfString},
        page::Page,
    },
    kurbo::{Point, Vec2},
};

use super::{catalogue::text_string, lines::Line};

/// Most annotations of a page that are looked at.
const MAX_ANNOTATIONS: usize = 10_000;
/// Most fields that one is within.
const MAX_DEPTH: usize = 32;
/// Flags of annotations that are not shown (ISO 32000-1, table 165): hidden, and no view.
const UNSEEN: u32 = 1 << 1 | 1 << 5;
/// The flag of a text field that holds a password (table 228), and of a button that holds nothing (table 226).
const PASSWORD: u32 = 1 << 13;
const PUSH_BUTTON: u32 = 1 << 16;

/// A text at a place of the page, in points.
struct Note {
    text: String,
    left: f64,
    right: f64,
    bottom: f64,
    top: f64,
}

/// Puts the values of a page's form fields, with their names, and its notes among its lines: behind the line that
/// they stand beside, or below which they stand.
pub(super) fn insert(page: &Page<'_>, lines: &mut Vec<Line>) {
    let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots") else { return };
    let transform = page.initial_transform(false).to_kurbo();
    let mut notes: Vec<Note> = Vec::new();
    for annotation in annotations.iter::<Dict<'_>>().take(MAX_ANNOTATIONS) {
        let flags = annotation.get::<u32>(b"F").unwrap_or(0);
        let (Some(text), Some(rect)) = (text(&annotation), annotation.get::<Rect>(b"Rect")) else { continue };
        if flags & UNSEEN != 0 || text.trim().is_empty() {
            continue;
        }
        let corners = [(rect.x0, rect.y0), (rect.x1, rect.y1)].map(|(x, y)| transform * Point::new(x, y));
        let [one, other] = corners;
        let (left, right) = (one.x.min(other.x), one.x.max(other.x));
        let (bottom, top) = (one.y.min(other.y), one.y.max(other.y));
        if [left, right, bottom, top].iter().all(|number| number.is_finite()) {
            notes.push(Note { text, left, right, bottom, top });
        }
    }
    // From the last place to the first, so that places stay right; of one place, the note that is read last comes
    // first.
    notes.sort_by(|one, other| one.top.total_cmp(&other.top).then(other.left.total_cmp(&one.left)));
    let mut placed: Vec<(usize, Note)> = notes.into_iter().map(|note| (place(&note, lines), note)).collect();
    placed.sort_by_key(|(at, _)| Reverse(*at));
    for (at, Note { text, left: start, right: end, bottom: height, top }) in placed {
        let size = lines.get(at.saturating_sub(1)).map_or(top - height, |line| line.size);
        let (starts, is_note, direction) = (true, true, Vec2::new(1.0, 0.0));
        lines.insert(at, Line { text, smallest: size, size, height, starts, direction, start, end, is_note });
    }
}

/// Before which line a note is read.
fn place(note: &Note, lines: &[Line]) -> usize {
    let level = lines.iter().enumerate().filter(|(_, line)| {
        line.height > note.bottom - line.size / 2.0 && line.height < note.top && line.start < note.right
    });
    let above = lines.iter().enumerate().filter(|(_, line)| line.height >= note.top);
    let beside = level.max_by(|(_, one), (_, other)| one.start.total_cmp(&other.start));
    let place = beside.or_else(|| above.min_by(|(_, one), (_, other)| one.height.total_cmp(&other.height)));
    place.map_or(0, |(at, _)| at + 1)
}

fn text(annotation: &Dict<'_>) -> Option<String> {
    let contents = || Some(of(annotation.get::<PdfString<'_>>(b"Contents")?.as_bytes()));
    match annotation.get::<Name<'_>>(b"Subtype").as_deref() {
        Some(b"Widget") => field(annotation),
        // A window shows the note of another one; of links and what plays it describes the thing.
        Some(b"Popup" | b"Link" | b"Movie" | b"Screen" | b"Sound" | b"3D") => None,
        _ => contents(),
    }
}

/// A text of the file with plain ends of lines.
fn of(bytes: &[u8]) -> String {
    text_string(bytes).replace("\r\n", "\n").replace('\r', "\n")
}

/// The name of a field and its value. What a field does not say itself, those say that it is within.
fn field(widget: &Dict<'_>) -> Option<String> {
    let fields: Vec<Dict<'_>> =
        std::iter::successors(Some(widget.clone()), |field| field.get::<Dict<'_>>(b"Parent")).take(MAX_DEPTH).collect();
    let flags = fields.iter().find_map(|field| field.get::<u32>(b"Ff")).unwrap_or(0);
    let kind = fields.iter().find_map(|field| field.get::<Name<'_>>(b"FT"))?;
    let value = fields.iter().find_map(|field| field.get::<Object<'_>>(b"V"));
    let value = match (&*kind, value) {
        (b"Btn", value) if flags & PUSH_BUTTON == 0 => {
            // Of several buttons of one field each shows its own state.
            let state = widget.get::<Name<'_>>(b"AS").or_else(|| value?.into_name())?;
            (&*state != b"Off").then(|| String::from_utf8_lossy(&state).into_owned())?
        }
        (b"Tx", Some(value)) if flags & PASSWORD == 0 => string(value)?,
        (b"Ch", Some(Object::Array(values))) => {
            let values = values.iter::<Object<'_>>().take(MAX_ANNOTATIONS).filter_map(string);
            values.map(|value| shown(&fields, value)).collect::<Vec<_>>().join(", ")
        }
        (b"Ch", Some(value)) => shown(&fields, string(value)?),
        _ => return None,
    };
    let names = fields.iter().rev().filter_map(|field| Some(of(field.get::<PdfString<'_>>(b"T")?.as_bytes())));
    let name = names.collect::<Vec<_>>().join(".");
    if value.trim().is_empty() { None } else { Some(format!("{name}: {value}")) }
}

fn string(value: Object<'_>) -> Option<String> {
    match value {
        Object::String(text) => Some(of(text.as_bytes())),
        Object::Stream(text) => Some(of(&text.decoded().ok()?)),
        _ => None,
    }
}

/// What a choice shows: its options may say another word for it than its value.
fn shown(fields: &[Dict<'_>], value: String) -> String {
    let options = fields.iter().find_map(|field| field.get::<Array<'_>>(b"Opt"));
    let word = options.and_then(|options| {
        options.iter::<Array<'_>>().take(MAX_ANNOTATIONS).find_map(|option| {
            let mut pair = option.iter::<PdfString<'_>>();
            let (export, word) = (pair.next()?, pair.next()?);
            (of(export.as_bytes()) == value).then(|| of(word.as_bytes()))
        })
    });
    word.unwrap_or(value)
}
