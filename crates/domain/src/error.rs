//! Errors of values and rules. Errors of storage and gateways stand beside their ports.

/// Why a value was refused: what the caller sent breaks a rule of the domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ValueError {
    /// The field, as the caller knows it (`email`, `parts/0/text`).
    pub field: String,
    /// A stable code in snake case (`too_long`, `not_an_email`).
    pub code: &'static str,
    /// A sentence that says what to do, in lower case without a full stop.
    pub message: String,
}

impl ValueError {
    /// Builds an error for `field`.
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }
}
