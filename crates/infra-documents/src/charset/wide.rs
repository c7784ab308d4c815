//! UTF-16 and UTF-32, with their mark or by their shape, and UTF-8 with its mark.

use std::collections::HashMap;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::{Decoded, has_controls};

/// How many characters are looked at.
const LOOKED_AT: usize = 4096;
/// In nine of ten characters a text keeps to what all scripts share and one script of its own.
const COHERENT_TENTHS: usize = 9;

/// Ideographs, among the scripts: the first hexadecimal digits of a character.
const IDEOGRAPHS: u32 = 0x4e;

/// The wide charsets.
#[derive(Clone, Copy)]
enum Wide {
    Utf32(&'static str, fn([u8; 4]) -> u32),
    Utf16(&'static Encoding),
}

const WIDE: [(Wide, &[u8]); 4] = [
    (Wide::Utf32("UTF-32LE", u32::from_le_bytes), b"\xff\xfe\0\0"),
    (Wide::Utf32("UTF-32BE", u32::from_be_bytes), b"\0\0\xfe\xff"),
    (Wide::Utf16(UTF_16LE), b"\xff\xfe"),
    (Wide::Utf16(UTF_16BE), b"\xfe\xff"),
];

/// The text of a file in one of these charsets, whole or from its first bytes; `None` for all other files.
///
/// Without a mark the bytes must be no text of a charset that extends ASCII: those have no NUL and no
/// control characters, and a text in a wide charset has either (NUL beside each ASCII character, and the
/// low bytes of other characters at every value). Read in the wrong order of bytes, characters scatter
/// over all of Unicode, so the right order is the one in which they keep together.
pub(super) fn decode(bytes: &[u8]) -> Option<Decoded> {
    let marked = WIDE.into_iter().find(|(_, mark)| bytes.starts_with(mark));
    if let Some((wide, mark)) = marked {
        return Some(wide.text(&bytes[mark.len()..]));
    }
    let head = &bytes[..bytes.len().min(LOOKED_AT * 4)];
    if head.starts_with(b"\xef\xbb\xbf") || !(head.contains(&0) || has_controls(head)) {
        return None;
    }
    let best = WIDE.into_iter().max_by_key(|(wide, _)| coherence(&wide.text(head).text, head.is_ascii()))?;
    coherence(&best.0.text(head).text, head.is_ascii()).map(|_| best.0.text(bytes))
}

impl Wide {
    fn text(self, bytes: &[u8]) -> Decoded {
        match self {
            Self::Utf16(encoding) => {
                // A first part of a file may end inside of a character.
                let (text, _) = encoding.decode_without_bom_handling(&bytes[..bytes.len() & !1]);
                Decoded { text: text.into_owned(), charset: encoding.name() }
            }
            Self::Utf32(charset, value) => {
                let (units, _) = bytes.as_chunks::<4>();
                let letter = |unit: &[u8; 4]| char::from_u32(value(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
                Decoded { text: units.iter().map(letter).collect(), charset }
            }
        }
    }
}

/// How many characters of a text are shared by all scripts, if it is one: almost all of them are, or of one
/// script. Pairs of ASCII look like ideographs, so bytes beyond ASCII must be in a text of those.
fn coherence(text: &str, is_ascii: bool) -> Option<usize> {
    let (mut all, mut shared, mut own) = (0, 0, HashMap::<u32, usize>::new());
    // The last character may be cut off.
    let text = text.strip_suffix(char::REPLACEMENT_CHARACTER).unwrap_or(text);
    for character in text.chars().take(LOOKED_AT) {
        all += 1;
        match u32::from(character) {
            9..=13 | 27 | 0x20..=0x7e | 0xa0..=0xff | 0x2000..=0x206f | 0x3000..=0x30ff | 0xff00..=0xffef => {
                shared += 1
            }
            0..=0x1f | 0x7f..=0x9f | 0xe000..=0xf8ff | 0xfff0..=0xffff => return None,
            0x4e00..=0x9fff => *own.entry(IDEOGRAPHS).or_default() += 1,
            0xac00..=0xd7a3 => *own.entry(0xac).or_default() += 1,
            0x1f000.. => *own.entry(0x1f0).or_default() += 1,
            other => *own.entry(other >> 8).or_default() += 1,
        }
    }
    let is_sure = !is_ascii || own.get(&IDEOGRAPHS).unwrap_or(&0) * 2 <= all;
    let most = own.into_values().max().unwrap_or(0);
    (all > 0 && is_sure && (shared + most) * 10 >= all * COHERENT_TENTHS).then_some(shared)
}
