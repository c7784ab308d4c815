//! The charset of a text that declares none.
//!
//! `chardetng`, the detector of Firefox, knows the charsets of Windows, of ISO and of East Asia by the
//! frequency of their pairs of letters. It knows none of the Macintosh, so these stand against its guess.
//! They are told by what is wrong with the other reading: where letters of one charset are signs or
//! capitals of another, signs and capitals stand inside of words.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    Encoding, ISO_8859_15, MACINTOSH, WINDOWS_1250, WINDOWS_1252, WINDOWS_1254, WINDOWS_1258, X_MAC_CYRILLIC,
};

/// Charsets that `chardetng` does not know.
const OTHERS: [&Encoding; 3] = [ISO_8859_15, MACINTOSH, X_MAC_CYRILLIC];
/// Charsets of the West, and those that differ from them in a few letters.
const WESTERN: [&Encoding; 3] = [WINDOWS_1252, WINDOWS_1254, WINDOWS_1258];
/// A reading in which more than a tenth of the characters beyond ASCII is wrong is no reading.
const MOST_WRONG: f64 = 0.1;
/// Another charset must leave so much less wrong than the detector's.
const CLEARLY_LESS: f64 = 0.5;

/// Letters of languages that have no ы, ь, э, ю and я.
const SERBIAN_AND_MACEDONIAN: &str = "ЂЃЉЊЋЌЏђѓљњћќџ";

/// The charset of these bytes, which are not UTF-8; `None`: it cannot be told.
pub(super) fn charset(sample: &[u8]) -> Option<&'static Encoding> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    let guess = if WESTERN.contains(&guess) && is_hungarian(sample) { WINDOWS_1250 } else { guess };
    let mut best = (guess, wrong(guess, sample));
    for other in OTHERS {
        let wrong = wrong(other, sample);
        if wrong < best.1 * CLEARLY_LESS {
            best = (other, wrong);
        }
    }
    (best.1 <= MOST_WRONG).then_some(best.0)
}

/// The detector takes Hungarian with few ő and ű for a Western language with õ and û (the bytes are the
/// same). No such language has one of them beside á or é and ö or ü, and without any of à â ã ä ç è ê ñ.
fn is_hungarian(sample: &[u8]) -> bool {
    let has = |letters: &[u8]| sample.iter().any(|byte| letters.contains(byte));
    has(b"\xf5\xfb") && has(b"\xe1\xe9") && has(b"\xf6\xfc") && !has(b"\xe0\xe2\xe3\xe4\xe7\xe8\xea\xf1")
}

/// Whether a text could be in a charset that it declares.
pub(super) fn is_plausible(encoding: &'static Encoding, sample: &[u8]) -> bool {
    wrong(encoding, sample) <= MOST_WRONG
}

/// The share of characters beyond ASCII that are wrong where they stand.
fn wrong(encoding: &'static Encoding, sample: &[u8]) -> f64 {
    let (text, _) = encoding.decode_without_bom_handling(sample);
    let is_russian = text.contains(['ы', 'ь', 'э', 'ю', 'я']);
    let (mut beyond, mut wrong) = (0_u32, 0_u32);
    let (mut before, mut letters) = (' ', text.chars().peekable());
    while let Some(character) = letters.next() {
        let after = letters.peek().copied().unwrap_or(' ');
        if !character.is_ascii() {
            beyond += 1;
            let is_foreign = is_russian && SERBIAN_AND_MACEDONIAN.contains(character);
            wrong += u32::from(is_foreign || is_wrong(before, character, after));
        }
        before = character;
    }
    f64::from(wrong) / f64::from(beyond.max(1))
}

fn is_wrong(before: char, character: char, after: char) -> bool {
    if matches!(character, '\u{80}'..='\u{9f}' | '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '¤') {
        return true;
    }
    if character.is_alphabetic() {
        let is_capital_in_word = character.is_uppercase() && before.is_lowercase();
        let is_foreign = |other: char| other.is_alphabetic() && is_latin(other) != is_latin(character);
        return is_capital_in_word || is_cased(character) && (is_foreign(before) || is_foreign(after));
    }
    // Of signs, those stand between letters that are marks of writing, and those of scripts that join.
    let is_mark = matches!(character,
        '\u{a0}' | '\u{ad}' | '·' | '\u{300}'..='\u{36f}' | '\u{590}'..='\u{201f}' | '…' | '\u{3000}'..);
    let is_part = |other: char| other.is_alphabetic() || !other.is_ascii() && !other.is_whitespace();
    !is_mark && is_part(before) && is_part(after)
}

fn is_cased(character: char) -> bool {
    character.is_lowercase() || character.is_uppercase()
}

const fn is_latin(character: char) -> bool {
    (character as u32) < 0x250
}
