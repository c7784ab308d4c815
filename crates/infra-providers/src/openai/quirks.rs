//! What a model of a provider does not take of what we add to a request by ourselves. It is asked again without that,
//! and no more with it; what a client asked for is never taken away.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::gateways::{GatewayError, GatewayErrorKind};
use serde_json::Value;

use super::errors;

/// The two names of the bound on an answer's tokens: the one that most know, and the one that OpenAI's newer models want.
pub(super) const LIMIT_NAMES: [&str; 2] = ["max_tokens", "max_completion_tokens"];
/// Most models whose quirks are remembered; clients name them.
const MAX_REMEMBERED: usize = 1000;
/// How a field is refused as such, and not for its value.
const REFUSED: &[&str] = &[
    "unsupported",
    "not support",
    "n't support",
    "unknown",
    "unrecognized",
    "unrecognised",
    "unexpected",
    "not permitted",
    "extra_forbidden",
    "extra inputs",
    "extra fields",
    "additional propert",
    "not implemented",
    "deprecated",
];

/// What is asked otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Quirks {
    /// Usage is not asked for.
    pub(super) no_stream_options: bool,
    /// The bound on tokens goes by its other name.
    pub(super) other_limit_name: bool,
    /// The answer is asked for as a whole.
    pub(super) no_stream: bool,
    /// Vectors are asked for in whatever encoding.
    pub(super) no_encoding_format: bool,
}

impl Quirks {
    /// What is to be asked otherwise besides, after `body` was refused; `None`: what was refused is not ours.
    pub(super) fn after(self, refusal: &GatewayError, body: &Value) -> Option<Self> {
        // Some servers fail over a field that they do not know, where others refuse it.
        let is_refusal = matches!(refusal.kind, GatewayErrorKind::InvalidRequest | GatewayErrorKind::Failed);
        let complaint = errors::complaint(refusal).filter(|_| is_refusal)?;
        let sent = |field: &str| body.get(field).is_some_and(|value| *value != false);
        // A field that is refused without a name is likelier one of ours than one that clients know.
        let names_none = || !complaint.words().any(|word| body.get(word).is_some());
        let is_refused = |field| complaint.names(field) || (complaint.says(REFUSED) && names_none());
        let mut next = self;
        next.no_stream_options |= sent("stream_options") && is_refused("stream_options");
        next.no_encoding_format |= sent("encoding_format") && is_refused("encoding_format");
        if complaint.says(REFUSED) {
            let limit = LIMIT_NAMES.into_iter().find(|name| sent(name));
            next.other_limit_name |= limit.is_some_and(|limit| complaint.names(limit));
            let is_stream = complaint.names("stream") || complaint.names("streaming");
            next.no_stream |= next == self && sent("stream") && is_stream;
        }
        (next != self).then_some(next)
    }
}

/// The quirks of a provider's models, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct KnownQuirks(Mutex<HashMap<String, Quirks>>);

impl KnownQuirks {
    pub(super) fn of(&self, model: &str) -> Quirks {
        self.lock().get(model).copied().unwrap_or_default()
    }

    /// Remembers with what a model was content.
    pub(super) fn remember(&self, model: &str, quirks: Quirks) {
        let mut known = self.lock();
        if known.len() >= MAX_REMEMBERED && !known.contains_key(model) {
            known.clear();
        }
        known.insert(model.to_owned(), quirks);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Quirks>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
