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

/// Refuses NUL in texts, as PostgreSQL does.
pub(crate) fn no_nul<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), StoreError> {
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(refuse("text must not hold the character NUL"));
    }
    Ok(())
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
    if values.into_iter().any(holds_nul) {
        return Err(refuse("JSON must not hold the character NUL"));
    }
    Ok(())
}

/// Refuses counts that a signed 64-bit column cannot keep.
pub(crate) fn fits_column(counts: impl IntoIterator<Item = u64>) -> Result<(), StoreError> {
    if counts.into_iter().any(|count| i64::try_from(count).is_err()) {
        return Err(refuse("the count is too large to be kept"));
    }
    Ok(())
}
