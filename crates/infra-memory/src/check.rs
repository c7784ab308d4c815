//! Checks of values, as the schema of the SQL backends has them.

use domain::store::StoreError;
use serde_json::Value;

/// A unique key that is taken.
pub(crate) fn conflict(constraint: &str) -> StoreError {
    StoreError::Conflict { constraint: constraint.to_owned() }
}

/// A value that a check refuses.
pub(crate) fn refuse(message: &str) -> StoreError {
    StoreError::Check(message.to_owned())
}

/// Refuses a row for which a rule does not hold.
pub(crate) fn require(holds: bool, rule: &str) -> Result<(), StoreError> {
    if holds { Ok(()) } else { Err(refuse(rule)) }
}

/// Refuses NUL in texts, as PostgreSQL does.
pub(crate) fn no_nul(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), StoreError> {
    require(!texts.into_iter().any(|text| text.as_ref().contains('\0')), "text must not hold the character NUL")
}

/// Refuses NUL in every key and text of JSON values.
pub(crate) fn no_nul_json<'a>(values: impl IntoIterator<Item = &'a Value>) -> Result<(), StoreError> {
    fn holds_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(holds_nul),
            Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    require(!values.into_iter().any(holds_nul), "JSON must not hold the character NUL")
}

/// Refuses counts that a signed 64-bit column cannot keep.
pub(crate) fn fits_column(counts: impl IntoIterator<Item = u64>) -> Result<(), StoreError> {
    require(counts.into_iter().all(|count| i64::try_from(count).is_ok()), "the count is too large to be kept")
}
