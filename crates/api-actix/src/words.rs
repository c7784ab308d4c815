//! What is wrong with what a client sent, in plain words: those of the reader of JSON and queries are made for who writes
//! programs, and name types of ours.

use domain::{error::ValueError, text};
use serde_path_to_error::{Path, Segment};

/// A UUID as an example.
const A_UUID: &str = "must be a UUID, such as 0191e7a4-5f1c-7c4e-9d3b-2f6a8c0d1e2f";
/// A time as an example.
const A_TIME: &str = "must be a date and time, such as 2026-11-26T09:30:00Z";
/// A text that no other program would read, either.
const HALF_A_CHARACTER: &str = "must not hold half a character (a lone surrogate)";

/// What the reader of queries and of times says of a text, and what it should have been.
const READERS: &[(&str, &str)] = &[
    ("invalid digit found in string", "must be a whole number"),
    ("cannot parse integer from empty string", "must be a whole number"),
    ("number too large to fit in target type", "must be a smaller number"),
    ("number too small to fit in target type", "must be a greater number"),
    ("invalid float literal", "must be a number"),
    ("provided string was not `true` or `false`", "must be true or false"),
    ("UUID parsing failed", A_UUID),
    ("input contains invalid characters", A_TIME),
    ("input is out of range", A_TIME),
    ("input is not enough", A_TIME),
    ("no possible date and time", A_TIME),
    ("premature end of input", A_TIME),
    ("trailing input", A_TIME),
    ("number out of range", "must be a number that is not so large"),
    ("invalid unicode code point", "must be UTF-8"),
    ("lone leading surrogate", HALF_A_CHARACTER),
    ("unexpected end of hex escape", HALF_A_CHARACTER),
];

/// What is wrong at a place: the place as a JSON pointer without its first slash, a code and a sentence. Of what the
/// client sent it tells the names of fields alone, cut to a bound.
// Serde tells an error as a text alone, in one of a few forms (`serde::de::Error`). What follows the last ", expected " is
// its own; what stands before may quote the client. A text of another form is our own sentence, or it is not told.
pub(crate) fn refusal(path: &Path, error: &str) -> ValueError {
    let place = place_of(path);
    let error = without_position(error);
    let (said, expected) = error.rsplit_once(", expected ").unwrap_or((error, ""));
    if let Some(field) = said.strip_prefix("missing field ") {
        return told(below(&place, unquoted(field)), "missing", "is missing".to_owned());
    }
    if let Some(field) = said.strip_prefix("duplicate field ") {
        return told(below(&place, unquoted(field)), "duplicate_field", "stands there twice; send it once".to_owned());
    }
    if let Some(field) = said.strip_prefix("unknown field ") {
        // A path leads to it, unless the field stands in what was read as a whole.
        let field = unquoted(field.split(", there are no fields").next().unwrap_or_default());
        let is_there = place.rsplit('/').next() == Some(escaped(field).as_str());
        let place = if is_there { place } else { below(&place, field) };
        let known = match names(expected) {
            known if known.is_empty() => "no field is".to_owned(),
            known => format!("known are {known}"),
        };
        return told(place, "unknown_field", format!("is not a known field; {known}"));
    }
    if said.starts_with("unknown variant ") {
        return told(place, "unknown_value", format!("must be one of {}", names(expected)));
    }
    let wrong_kind = said.strip_prefix("invalid type: ").map(|found| (found, "wrong_type"));
    let out_of_range =
        || said.strip_prefix("invalid value: ").or(said.strip_prefix("invalid length ")).map(|_| ("", "out_of_range"));
    if let Some((found, code)) = wrong_kind.or_else(out_of_range) {
        let wanted = wanted(expected);
        let found = kind(found).filter(|found| !(wanted.contains("number") && *found == "a number"));
        let and = found.map(|found| format!(", and is {found}")).unwrap_or_default();
        return told(place, code, format!("must be {wanted}{and}"));
    }
    let reader = READERS.iter().find(|(begins, _)| error.starts_with(begins)).map(|(_, sentence)| *sentence);
    let own = || Some(error).filter(|error| error.starts_with("must "));
    told(place, "wrong_value", reader.or_else(own).unwrap_or("cannot be read").to_owned())
}

/// The error of a place; one of the whole says so itself.
fn told(place: String, code: &'static str, message: String) -> ValueError {
    let message = if place.is_empty() { format!("the body {message}") } else { message };
    ValueError::new(text::told_briefly(place), code, message)
}

/// The place of a path, part by part as in a JSON pointer (RFC 6901).
fn place_of(path: &Path) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(escaped(key)),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(part).collect::<Vec<_>>().join("/")
}

/// A name as a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn below(place: &str, field: &str) -> String {
    let field = escaped(field);
    if place.is_empty() { field } else { format!("{place}/{field}") }
}

/// The text without the line and column at its end.
fn without_position(error: &str) -> &str {
    match error.rsplit_once(" at line ") {
        Some((before, place)) if place.bytes().all(|byte| byte.is_ascii_digit() || b" column".contains(&byte)) => {
            before
        }
        _ => error,
    }
}

fn unquoted(name: &str) -> &str {
    name.trim_matches('`')
}

/// The names of "one of `a`, `b`", "`a` or `b`" or "`a`".
fn names(expected: &str) -> String {
    expected.split('`').skip(1).step_by(2).collect::<Vec<_>>().join(", ")
}

/// What a value should have been.
fn wanted(expected: &str) -> String {
    let known = match expected {
        "a string" | "a borrowed string" | "string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        "f32" | "f64" | "a JSON number" => "a number",
        "u64" | "usize" | "u128" => "a whole number, 0 or greater",
        "i64" | "isize" | "i128" => "a whole number",
        "a formatted UUID string" | "a UUID string" => "a UUID",
        "an RFC 3339 formatted date and time string" => "a date and time",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let between = |least: i64, most: i64| format!("a whole number from {least} to {most}");
    match expected {
        "u8" => between(0, u8::MAX.into()),
        "u16" => between(0, u16::MAX.into()),
        "u32" => between(0, u32::MAX.into()),
        "i8" => between(i8::MIN.into(), i8::MAX.into()),
        "i16" => between(i16::MIN.into(), i16::MAX.into()),
        "i32" => between(i32::MIN.into(), i32::MAX.into()),
        // Lists of ours say what they hold.
        list if list.starts_with("a list of ") => list.to_owned(),
        tuple if tuple.starts_with("a tuple ") || tuple.starts_with("an array ") => {
            "a list of another length".to_owned()
        }
        // Structures and enumerations are told by their names.
        named if named.starts_with("struct ") || named.contains("enum ") => "an object".to_owned(),
        _ => "of another kind".to_owned(),
    }
}

/// What kind of value was found, as far as that is known.
fn kind(found: &str) -> Option<&'static str> {
    Some(match found.split([' ', '`']).next()? {
        "string" | "character" => "a text",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "null" | "unit" | "Option" => "null",
        "sequence" => "a list",
        "map" => "an object",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::{DateTime, Utc};
    use serde::{Deserialize, de::DeserializeOwned};
    use uuid::Uuid;

    use super::*;
    use crate::{body::parse, list::AtMost};

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Choice {
        This,
        That,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        _needed: String,
    }

    /// Everything that a request may hold.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Everything {
        text: Option<String>,
        flag: Option<bool>,
        byte: Option<u8>,
        signed: Option<i32>,
        count: Option<u64>,
        number: Option<f64>,
        whole: Option<serde_json::Number>,
        id: Option<Uuid>,
        time: Option<DateTime<Utc>>,
        list: Option<Vec<Inner>>,
        few: Option<AtMost<2, String>>,
        map: Option<BTreeMap<String, u8>>,
        pair: Option<(u8, u8)>,
        choice: Option<Choice>,
    }

    /// Place, code and sentence of what is wrong with a body.
    fn wrong<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> (String, &'static str, String) {
        let error = parse::<T>(json.as_bytes()).unwrap_err().error;
        let ValueError { field, code, message } = error.fields[0].clone();
        (field, code, message)
    }

    #[test]
    fn whatever_is_wrong_is_told_in_plain_words() {
        for (json, place, code, message) in [
            (r#"{"text": 7}"#, "text", "wrong_type", "must be a text, and is a number"),
            (r#"{"text": {}}"#, "text", "wrong_type", "must be a text, and is an object"),
            (r#"{"text": [1]}"#, "text", "wrong_type", "must be a text, and is a list"),
            (r#"{"flag": "true"}"#, "flag", "wrong_type", "must be true or false, and is a text"),
            (r#"{"byte": -1}"#, "byte", "out_of_range", "must be a whole number from 0 to 255"),
            (r#"{"byte": 1.5}"#, "byte", "wrong_type", "must be a whole number from 0 to 255"),
            (r#"{"byte": "1"}"#, "byte", "wrong_type", "must be a whole number from 0 to 255, and is a text"),
            (
                r#"{"signed": 3000000000}"#,
                "signed",
                "out_of_range",
                "must be a whole number from -2147483648 to 2147483647",
            ),
            (r#"{"whole": "5"}"#, "whole", "wrong_type", "must be a number, and is a text"),
            (r#"{"whole": {"a": 1}}"#, "whole", "wrong_type", "must be a number, and is an object"),
            (r#"{"count": -1}"#, "count", "out_of_range", "must be a whole number, 0 or greater"),
            (r#"{"number": true}"#, "number", "wrong_type", "must be a number, and is true or false"),
            (r#"{"id": "seven"}"#, "id", "wrong_value", A_UUID),
            (r#"{"id": 7}"#, "id", "wrong_type", "must be a UUID, and is a number"),
            (r#"{"time": "tomorrow"}"#, "time", "wrong_value", A_TIME),
            (r#"{"time": "2026-11-26"}"#, "time", "wrong_value", A_TIME),
            (r#"{"time": 7}"#, "time", "wrong_type", "must be a date and time, and is a number"),
            (r#"{"list": {}}"#, "list", "wrong_type", "must be a list, and is an object"),
            (r#"{"list": [7]}"#, "list/0", "wrong_type", "must be an object, and is a number"),
            (r#"{"list": [["a"]]}"#, "list/0", "wrong_type", "must be an object, and is a list"),
            (r#"{"list": [{"_needed": "a"}, {}]}"#, "list/1/_needed", "missing", "is missing"),
            (
                r#"{"list": [{"_needed": "a", "more": 1}]}"#,
                "list/0/more",
                "unknown_field",
                "is not a known field; known are _needed",
            ),
            (r#"{"few": ["a", "b", "c"]}"#, "few", "out_of_range", "must be a list of at most 2 items"),
            (r#"{"few": "a"}"#, "few", "wrong_type", "must be a list of at most 2 items, and is a text"),
            (r#"{"map": {"a/b": 256}}"#, "map/a~1b", "out_of_range", "must be a whole number from 0 to 255"),
            (r#"{"choice": "other"}"#, "choice", "unknown_value", "must be one of this, that"),
            (r#"{"text": "a", "text": "b"}"#, "text", "duplicate_field", "stands there twice; send it once"),
            (r#"{"choice": 7}"#, "choice", "wrong_value", "cannot be read"),
            (r#"{"number": 1e999}"#, "number", "wrong_value", "must be a number that is not so large"),
            (r#"{"text": "\ud83c"}"#, "text", "wrong_value", HALF_A_CHARACTER),
            ("[]", "", "wrong_type", "the body must be an object, and is a list"),
            ("null", "", "wrong_type", "the body must be an object, and is null"),
            ("7", "", "wrong_type", "the body must be an object, and is a number"),
        ] {
            let expected = (place.to_owned(), code, message.to_owned());
            assert_eq!(wrong::<Everything>(json), expected, "{json}");
        }
        let (place, code, message) = wrong::<Everything>(r#"{"role": "admin"}"#);
        assert_eq!((place.as_str(), code), ("role", "unknown_field"));
        assert!(message.starts_with("is not a known field; known are text, flag, "), "{message}");
    }

    #[test]
    fn what_a_client_quotes_is_not_taken_for_words_of_ours() {
        let (_, _, message) = wrong::<Everything>(r#"{"byte": "x, expected a string at line 1 column 2"}"#);
        assert_eq!(message, "must be a whole number from 0 to 255, and is a text");
        let (place, code, _) = wrong::<Everything>(r#"{"x`, expected `y": 1}"#);
        assert_eq!((place.as_str(), code), ("x`, expected `y", "unknown_field"));
        let (place, ..) = wrong::<Everything>(&format!(r#"{{"{}": 1}}"#, "x".repeat(100_000)));
        assert!(place.len() <= text::MAX_TOLD_BYTES, "{}", place.len());
    }

    #[test]
    fn no_word_of_rust_is_told() {
        let values =
            ["null", "true", "7", "-7", "1.5", "1e300", "\"\"", "\"a\"", "[]", "[1]", "[null]", "{}", "{\"a\":1}"];
        let fields = [
            "text", "flag", "byte", "signed", "count", "number", "whole", "id", "time", "list", "few", "map", "pair",
            "choice",
        ];
        for (field, value) in fields.iter().flat_map(|field| values.iter().map(move |value| (field, value))) {
            let Err(error) = parse::<Everything>(format!("{{\"{field}\": {value}}}").as_bytes()) else { continue };
            let message = &error.error.message;
            for word in [
                "u8", "i32", "u64", "f64", "struct", "enum", "Option", "Inner", "tuple", "expected", "invalid",
                "string", "integer", "sequence", "a map", "line", "`", "variant",
            ] {
                assert!(!message.contains(word), "{field}: {value}: {message}");
            }
            assert!(!message.contains("cannot be read") || *field == "choice", "{field}: {value}: {message}");
        }
    }
}
