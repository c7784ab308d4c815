//! JSON as peers write it: some cut a text between the two halves of a character that lies beyond the first 65,536,
//! some write numbers that JSON does not know.

use serde::de::DeserializeOwned;
use serde_json::Value;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Where lone halves (U+D800 to U+DFFF), which no text can hold, stand until [`joined`] has seen what follows: a block
/// of plane 16 that is for private use.
const HALVES: u32 = 0x10_F000;
/// The first of the halves.
const FIRST_HALF: u32 = 0xD800;
/// How many halves are first ones, and how many second ones.
const HALF_COUNT: u32 = 0x400;
/// Numbers that are none; longer ones first.
const NO_NUMBERS: &[&[u8]] = &[b"-Infinity", b"Infinity", b"-NaN", b"NaN"];

/// Reads JSON. Texts may hold lone halves of characters, for [`joined`] or [`join_all`] to put together.
///
/// # Errors
/// That of a strict reader, where what can be mended does not help.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    serde_json::from_slice(bytes).or_else(|error| {
        if !error.is_syntax() {
            return Err(error);
        }
        // Bytes that are no UTF-8 become U+FFFD.
        serde_json::from_str(&String::from_utf8_lossy(&mended(bytes))).map_err(|_| error)
    })
}

/// The text with its halves joined; what stays alone becomes U+FFFD.
pub(super) fn joined(text: String) -> String {
    if !may_hold_halves(&text) {
        return text;
    }
    let mut whole = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(one) = half(character) else {
            whole.push(character);
            continue;
        };
        let second = |next: &char| half(*next).and_then(|two| two.checked_sub(HALF_COUNT));
        let pair = characters.peek().filter(|_| one < HALF_COUNT).and_then(second);
        if pair.is_some() {
            characters.next();
        }
        let joined = pair.and_then(|two| char::from_u32(0x1_0000 + one * HALF_COUNT + two));
        whole.push(joined.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    whole
}

/// The same for every text of a value.
pub(super) fn join_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = joined(std::mem::take(text)),
        Value::Array(items) => items.iter_mut().for_each(join_all),
        Value::Object(fields) => fields.values_mut().for_each(join_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes a piece of a text and gives out what is whole of it: a first half at its end waits in `held` for the next.
pub(super) fn flow(held: &mut String, piece: String) -> String {
    if held.is_empty() && !may_hold_halves(&piece) {
        return piece;
    }
    held.push_str(&piece);
    let last = held.chars().next_back().filter(|last| half(*last).is_some_and(|half| half < HALF_COUNT));
    let whole = held.len() - last.map_or(0, char::len_utf8);
    let rest = held.split_off(whole);
    joined(std::mem::replace(held, rest))
}

/// Whether there may be halves in a text: what stands for them begins with this byte, which few others do.
fn may_hold_halves(text: &str) -> bool {
    text.as_bytes().contains(&0xf4)
}

/// Which half a character stands for, from 0.
fn half(character: char) -> Option<u32> {
    u32::from(character).checked_sub(HALVES).filter(|half| *half < 2 * HALF_COUNT)
}

/// The source with lone halves written as characters that stand for them, control characters in texts escaped,
/// backslashes that escape nothing doubled, and null for numbers that are none.
fn mended(source: &[u8]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(source.len() + 16);
    let mut rest = source;
    let mut in_text = false;
    while let [byte, after @ ..] = rest {
        let mut length = 1;
        match byte {
            b'"' => {
                in_text = !in_text;
                mended.push(*byte);
            }
            b'\\' if in_text => length = mend_escape(rest, &mut mended),
            0..=0x1f if in_text => mended.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            b'-' | b'I' | b'N' if !in_text => match NO_NUMBERS.iter().find(|number| rest.starts_with(number)) {
                Some(number) => {
                    mended.extend_from_slice(b"null");
                    length = number.len();
                }
                None => mended.push(*byte),
            },
            _ => mended.push(*byte),
        }
        rest = &after[length - 1..];
    }
    mended
}

/// Mends the escape at the beginning; returns its length.
fn mend_escape(rest: &[u8], mended: &mut Vec<u8>) -> usize {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?.checked_sub(FIRST_HALF)
    };
    let is_second = |half: &u32| (HALF_COUNT..2 * HALF_COUNT).contains(half);
    let length = match unit(0).filter(|half| *half < 2 * HALF_COUNT) {
        Some(one) if one < HALF_COUNT && unit(6).as_ref().is_some_and(is_second) => 12,
        Some(one) => {
            let placeholder = char::from_u32(HALVES + one).unwrap_or(char::REPLACEMENT_CHARACTER);
            mended.extend_from_slice(placeholder.encode_utf8(&mut [0; 4]).as_bytes());
            return 6;
        }
        None if rest.get(1).is_some_and(|escaped| b"\"\\/bfnrtu".contains(escaped)) => 2,
        None => {
            mended.extend_from_slice(b"\\\\");
            return 1;
        }
    };
    mended.extend_from_slice(&rest[..length]);
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text(source: &str) -> String {
        joined(read::<String>(source.as_bytes()).unwrap())
    }

    #[test]
    fn halves_of_characters_are_joined_or_replaced() {
        for (source, expected) in [
            (r#""\ud83c\udf32""#, "🌲"),
            (r#""a\ud83c""#, "a\u{fffd}"),
            (r#""\udf32b""#, "\u{fffd}b"),
            (r#""\udf32\ud83c""#, "\u{fffd}\u{fffd}"),
            (r#""\ud83c\ud83c\udf32""#, "\u{fffd}🌲"),
            (r#""\ud83cx\udf32 \ud83c\udf32""#, "\u{fffd}x\u{fffd} 🌲"),
            (r#""\\ud83c \ud83c""#, "\\ud83c \u{fffd}"),
        ] {
            assert_eq!(text(source), expected, "{source}");
        }
    }

    #[test]
    fn halves_meet_over_pieces() {
        let mut held = String::new();
        let mut said = String::new();
        for piece in [r#""hi \ud83c""#, r#""\udf32!""#, r#""\ud83c""#, r#""b""#, r#""\udf32""#, r#""c\ud83c""#] {
            said.push_str(&flow(&mut held, read(piece.as_bytes()).unwrap()));
        }
        assert_eq!(said + &joined(held), "hi 🌲!\u{fffd}b\u{fffd}c\u{fffd}");
    }

    #[test]
    fn what_is_no_json_by_a_hair_is_read() {
        let source = b"\xef\xbb\xbf{\"a\": NaN, \"b\": [-Infinity, 1e5, -2], \"c\": \"tab\there\", \"d\": \"\\q NaN\", \"e\": \"\\ud83c\"}";
        let mut value: Value = read(source).unwrap();
        join_all(&mut value);
        assert_eq!(
            value,
            json!({ "a": null, "b": [null, 1e5, -2], "c": "tab\there", "d": "\\q NaN", "e": "\u{fffd}" })
        );
        for wrong in ["{", "{\"a\"", "\"\\u12\"", "NaNa", "\"\\", "[\"\\ud83c\"", "--Infinity"] {
            assert!(read::<Value>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_that_is_cut_anywhere_between_units_comes_out_whole(characters in "\\PC{0,20}", cut in 0usize..40) {
            let units: Vec<u16> = characters.encode_utf16().collect();
            let cut = cut.min(units.len());
            let mut held = String::new();
            let mut said = String::new();
            for piece in [&units[..cut], &units[cut..]] {
                let escaped: String = piece.iter().map(|unit| format!("\\u{unit:04x}")).collect();
                said.push_str(&flow(&mut held, read(format!("\"{escaped}\"").as_bytes()).unwrap()));
            }
            said.push_str(&joined(held));
            let expected: String = characters.chars().map(|c| if half(c).is_some() { char::REPLACEMENT_CHARACTER } else { c }).collect();
            prop_assert_eq!(said, expected);
        }
    }
}
