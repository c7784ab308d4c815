//! Text with bounds: no NUL (PostgreSQL refuses it) and never longer than its kind allows.

mod looks;

pub use self::looks::{identifier, is_deceptive, visible};
use serde_json::{Map, Value};

use crate::error::ValueError;

/// Most characters of a name or title.
pub const MAX_NAME_CHARS: usize = 200;
/// Most bytes of one text part of a message, of a system prompt or a query.
pub const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// Most bytes of a name, an id or a sentence that comes from a provider; what is longer is cut off.
pub const MAX_TOLD_BYTES: usize = 1024;
/// Most bytes of the caller's own `metadata`, as JSON.
pub const MAX_METADATA_BYTES: usize = 16 * 1024;

/// Checks a name: as it looks ([`visible`]), trimmed, 1 to [`MAX_NAME_CHARS`] characters, no control characters.
///
/// # Errors
/// `blank`, `too_long` or `control_character`, naming `field`.
pub fn name(field: &str, value: &str) -> Result<String, ValueError> {
    let value = visible(value);
    let value = value.trim();
    if value.is_empty() {
        return Err(ValueError::new(field, "blank", "must not be blank"));
    }
    if value.chars().count() > MAX_NAME_CHARS {
        let message = format!("must have at most {MAX_NAME_CHARS} characters");
        return Err(ValueError::new(field, "too_long", message));
    }
    if value.chars().any(char::is_control) {
        return Err(ValueError::new(field, "control_character", "must not hold control characters"));
    }
    Ok(value.to_owned())
}

/// Checks free text: at most `max_bytes` bytes, no NUL. It is kept as it came.
///
/// # Errors
/// `too_long` or `nul`, naming `field`.
pub fn free(field: &str, value: &str, max_bytes: usize) -> Result<String, ValueError> {
    if value.len() > max_bytes {
        return Err(ValueError::new(field, "too_long", format!("must have at most {max_bytes} bytes")));
    }
    if value.contains('\0') {
        return Err(ValueError::new(field, "nul", "must not hold the character NUL (U+0000)"));
    }
    Ok(value.to_owned())
}

/// What a provider, a parser or a foreign server says, made fit to be kept: without NUL. Its length is for whoever
/// collects it to bound.
#[must_use]
pub fn told(mut text: String) -> String {
    if text.contains('\0') {
        text.retain(|letter| letter != '\0');
    }
    text
}

/// The same for fields of JSON that are handed on: those that fit into `max_bytes` together, in their order.
#[must_use]
pub fn told_fields(fields: Map<String, Value>, max_bytes: usize) -> Map<String, Value> {
    let mut left = max_bytes;
    let fitting = fields.into_iter().filter_map(|(name, value)| {
        let bytes = name.len() + value.to_string().len();
        left = left.checked_sub(bytes)?;
        Some((told(name), told_value(value)))
    });
    fitting.collect()
}

fn told_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(told(text)),
        Value::Array(items) => items.into_iter().map(told_value).collect(),
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (told(name), told_value(value))).collect())
        }
        other => other,
    }
}

/// The same for a name, an id or a sentence of theirs: at most [`MAX_TOLD_BYTES`], without control characters.
#[must_use]
pub fn told_briefly(text: String) -> String {
    if text.len() <= MAX_TOLD_BYTES && !text.chars().any(char::is_control) {
        return text;
    }
    let mut kept = String::new();
    for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
        if kept.len() + letter.len_utf8() > MAX_TOLD_BYTES {
            break;
        }
        kept.push(letter);
    }
    kept
}

/// Checks the caller's `metadata`: a JSON object of at most [`MAX_METADATA_BYTES`], no NUL inside.
///
/// # Errors
/// `not_an_object`, `too_long` or `nul`, naming `field`.
pub fn metadata(field: &str, value: &Value) -> Result<(), ValueError> {
    if !value.is_object() {
        return Err(ValueError::new(field, "not_an_object", "must be a JSON object"));
    }
    let json = value.to_string();
    if json.len() > MAX_METADATA_BYTES {
        let message = format!("must have at most {MAX_METADATA_BYTES} bytes as JSON");
        return Err(ValueError::new(field, "too_long", message));
    }
    // In JSON text a NUL can only stand as this escape; a literal `\\u0000` has two backslashes.
    if json.replace("\\\\", "").contains("\\u0000") {
        return Err(ValueError::new(field, "nul", "must not hold the character NUL (U+0000)"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_kept_without_nul() {
        assert_eq!(told("before\0after\0".to_owned()), "beforeafter");
        assert_eq!(told("line\n\u{feff}ü".to_owned()), "line\n\u{feff}ü");
    }

    #[test]
    fn what_is_told_briefly_has_a_bound_and_one_line() {
        assert_eq!(told_briefly("stop".to_owned()), "stop");
        assert_eq!(told_briefly("a\0b\nc".to_owned()), "a b c");
        let cut = told_briefly("ü".repeat(MAX_TOLD_BYTES));
        assert_eq!((cut.len(), cut.chars().all(|letter| letter == 'ü')), (MAX_TOLD_BYTES, true));
        let uneven = told_briefly(format!("a{}", "ü".repeat(MAX_TOLD_BYTES)));
        assert_eq!(uneven.len(), MAX_TOLD_BYTES - 1);
    }
}
