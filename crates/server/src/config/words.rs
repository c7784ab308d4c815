//! What is wrong with a value, in the words of whoever wrote it: no type of the program's language, no secret.

use figment::error::{Actual, Kind};

use super::{FROM_FILE, near::nearest};
use crate::error::StartError;

/// Most characters of a wrong value that are shown.
const MAX_SHOWN_CHARS: usize = 60;
/// How the last word of a setting ends that holds a secret.
const SECRET_ENDINGS: &[&str] = &["key", "token", "secret", "password"];

/// The refusal of a value. `name` is what the operator calls the setting that the program calls `key`.
pub(super) fn refusal(key: &str, name: String, kind: &Kind, known: &[String]) -> StartError {
    if let Kind::UnknownField(_, siblings) = kind {
        let (parent, _) = key.rsplit_once('.').unwrap_or_default();
        let beside: Vec<String> = siblings
            .iter()
            .map(|name| if parent.is_empty() { (*name).to_owned() } else { format!("{parent}.{name}") })
            .collect();
        let near = nearest(key, known.iter().chain(&beside).map(String::as_str));
        let hint = near.map_or_else(
            || "'banyan config' prints those that there are".to_owned(),
            |near| format!("did you mean '{near}'?"),
        );
        return StartError::setting(name, format!("is no setting; {hint}"));
    }
    let (actual, wanted) = match kind {
        Kind::InvalidType(actual, wanted) | Kind::InvalidValue(actual, wanted) => (Some(actual), in_words(key, wanted)),
        Kind::UnknownVariant(actual, variants) => {
            let problem = format!("must be {}{}", one_of(variants), instead_of(key, actual));
            return StartError::setting(name, problem);
        }
        Kind::MissingField(field) => (None, format!("given together with '{field}'")),
        _ => (None, "of another form; see the README".to_owned()),
    };
    let found = match actual {
        Some(Actual::Str(text)) => instead_of(key, text),
        Some(Actual::Unsigned(number)) => instead_of(key, &number.to_string()),
        Some(Actual::Signed(number)) => instead_of(key, &number.to_string()),
        Some(Actual::Float(number)) => instead_of(key, &number.to_string()),
        Some(Actual::Bool(value)) => instead_of(key, &value.to_string()),
        Some(Actual::Seq) => ", and not a list".to_owned(),
        Some(Actual::Map) => ", and not a table".to_owned(),
        _ => String::new(),
    };
    StartError::setting(name, format!("must be {wanted}{found}"))
}

/// What a setting wants, from the words of the library that reads it.
fn in_words(key: &str, wanted: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => {
            if last.contains("bytes") {
                "a number of bytes, such as 104857600 for 100 MiB".to_owned()
            } else if last.contains("seconds") {
                "a number of seconds, such as 60".to_owned()
            } else {
                let most = match wanted {
                    "u8" => u64::from(u8::MAX),
                    "u16" => u64::from(u16::MAX),
                    "u32" => u64::from(u32::MAX),
                    _ => u64::MAX,
                };
                format!("a whole number from 0 to {most}")
            }
        }
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" => "a text in quotes".to_owned(),
        "a sequence" => "a list, which only the settings file can hold".to_owned(),
        _ if wanted.starts_with("struct ") => format!("a table, with settings below a line [{key}]"),
        _ => "of another form; see the README".to_owned(),
    }
}

fn one_of(names: &[&str]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" or ")
}

/// `, and not '…'`, where that is no secret.
pub(super) fn instead_of(key: &str, value: &str) -> String {
    let last = key.rsplit('.').next().unwrap_or(key);
    let is_secret = FROM_FILE.contains(&key)
        || SECRET_ENDINGS.iter().any(|ending| last.ends_with(ending))
        // A name and password may stand in a URL.
        || last.ends_with("url") && value.contains('@');
    if is_secret {
        return String::new();
    }
    let shown: String = value.chars().take(MAX_SHOWN_CHARS).flat_map(char::escape_debug).collect();
    let more = if value.chars().count() > MAX_SHOWN_CHARS { "…" } else { "" };
    format!(", and not '{shown}{more}'")
}
