//! What the catalogue of a PDF leads to, and the texts in it.

use std::collections::{HashMap, HashSet};

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};
use hayro_interpret::hayro_syntax::{
    Pdf,
    object::{Array, Dict, MaybeRef, Object, ObjectIdentifier, String as PdfString},
};

/// Most nodes of a tree, and most names, that are used.
const MAX_ENTRIES: usize = 50_000;
/// What `PDFDocEncoding` has at 0x80 to 0x9e, where it is not Latin-1 (ISO 32000-1, D.2).
const PDF_DOC: &str = "\
    \u{2022}\u{2020}\u{2021}\u{2026}\u{2014}\u{2013}\u{192}\u{2044}\u{2039}\u{203a}\u{2212}\u{2030}\u{201e}\u{201c}\
    \u{201d}\u{2018}\u{2019}\u{201a}\u{2122}\u{fb01}\u{fb02}\u{141}\u{152}\u{160}\u{178}\u{17d}\u{131}\u{142}\u{153}\
    \u{161}\u{17e}";

/// The nodes of a tree that have not been met yet: a file may send us in circles.
#[derive(Default)]
pub(super) struct Unseen(HashSet<ObjectIdentifier>);

impl Unseen {
    /// The dictionary to which an entry of another one refers.
    pub(super) fn at<'a>(&mut self, pdf: &'a Pdf, from: &Dict<'a>, key: &[u8]) -> Option<Dict<'a>> {
        self.dict(pdf, from.get_raw::<Object<'a>>(key)?)
    }

    fn dict<'a>(&mut self, pdf: &'a Pdf, object: MaybeRef<Object<'a>>) -> Option<Dict<'a>> {
        match object {
            MaybeRef::Ref(id) if self.0.len() < MAX_ENTRIES && self.0.insert(id.into()) => pdf.xref().get(id.into()),
            MaybeRef::Ref(_) => None,
            // What stands within an object leads nowhere else.
            MaybeRef::NotRef(object) => object.into_dict(),
        }
    }
}

/// Where an outline leads.
pub(super) struct Destinations<'a> {
    pages: HashMap<ObjectIdentifier, usize>,
    named: HashMap<Vec<u8>, Object<'a>>,
}

impl<'a> Destinations<'a> {
    /// Those of a document.
    pub(super) fn of(pdf: &'a Pdf, catalogue: &Dict<'a>) -> Self {
        let pages = pdf.pages().iter().enumerate();
        let pages = pages.filter_map(|(at, page)| Some((page.raw().obj_id()?, at))).collect();
        let mut named = HashMap::new();
        if let Some(old) = catalogue.get::<Dict<'a>>(b"Dests") {
            let entries = old.keys().filter_map(|key| Some((key.to_vec(), old.get(&*key)?)));
            named.extend(entries.take(MAX_ENTRIES));
        }
        let mut unseen = Unseen::default();
        let mut nodes: Vec<Dict<'a>> = Vec::new();
        nodes.extend(catalogue.get::<Dict<'a>>(b"Names").and_then(|names| names.get(b"Dests")));
        while let Some(node) = nodes.pop() {
            if let Some(names) = node.get::<Array<'a>>(b"Names") {
                let mut names = names.flex_iter();
                while let Some(name) = names.next::<PdfString<'a>>().filter(|_| named.len() < MAX_ENTRIES) {
                    named.extend(names.next::<Object<'a>>().map(|destination| (name.as_bytes().to_vec(), destination)));
                }
            }
            if let Some(kids) = node.get::<Array<'a>>(b"Kids") {
                nodes.extend(kids.raw_iter().filter_map(|kid| unseen.dict(pdf, kid)));
            }
        }
        Self { pages, named }
    }

    /// The page to which an entry of the outline leads, from 0.
    pub(super) fn page_of(&self, item: &Dict<'a>) -> Option<usize> {
        let destination = item.get::<Object<'a>>(b"Dest");
        let destination = destination.or_else(|| item.get::<Dict<'a>>(b"A")?.get(b"D"))?;
        let name = match &destination {
            Object::Name(name) => Some(name.to_vec()),
            Object::String(name) => Some(name.as_bytes().to_vec()),
            _ => None,
        };
        let destination = match name {
            Some(name) => self.named.get(&name)?.clone(),
            None => destination,
        };
        let place = match destination {
            Object::Array(place) => place,
            Object::Dict(place) => place.get(b"D")?,
            _ => return None,
        };
        let page = place.raw_iter().next()?.as_obj_ref()?;
        self.pages.get(&page.into()).copied()
    }
}

/// A text of a PDF's own dictionaries: UTF-16 or UTF-8 behind its mark, or `PDFDocEncoding`.
pub(super) fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, text @ ..] => UTF_16BE.decode_without_bom_handling(text).0.into_owned(),
        [0xff, 0xfe, text @ ..] => UTF_16LE.decode_without_bom_handling(text).0.into_owned(),
        [0xef, 0xbb, 0xbf, text @ ..] => UTF_8.decode_without_bom_handling(text).0.into_owned(),
        _ => bytes.iter().map(|byte| pdf_doc(*byte)).collect(),
    }
}

fn pdf_doc(byte: u8) -> char {
    match byte {
        0x80..=0x9e => PDF_DOC.chars().nth(usize::from(byte - 0x80)).unwrap_or(' '),
        0xa0 => '€',
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::text_string;

    #[test]
    fn texts_of_a_file_say_their_encoding_or_have_the_format_s_own() {
        assert_eq!(text_string(b"\xfe\xff\0G\0r\0\xfc\x20\xac"), "Gr\u{fc}\u{20ac}");
        assert_eq!(text_string(b"\xff\xfeG\0"), "G");
        assert_eq!(text_string(b"\xef\xbb\xbfGr\xc3\xbc"), "Gr\u{fc}");
        assert_eq!(text_string(b"\x8dGr\xfc\x8e \x84 \x9e\xa0"), "\u{201c}Gr\u{fc}\u{201d} \u{2014} \u{17e}\u{20ac}");
    }
}
