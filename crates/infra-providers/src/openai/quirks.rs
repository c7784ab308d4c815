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
/// How something is refused that is known, and not done.
const UNSUPPORTED: &[&str] = &["unsupported", "not support", "n't support", "not implemented"];
/// How a field is refused that is not known.
const UNKNOWN: &[&str] = &[
    "unknown",
    "unrecognized",
    "unrecognised",
    "unexpected",
    "not permitted",
    "deprecated",
    "additional propert",
    "extra_forbidden",
];
/// How a field is refused that is not named.
const NAMELESS: &[&str] =
    &["extra inputs", "extra fields", "unknown field", "unknown parameter", "unsupported parameter"];

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
        use GatewayErrorKind::{Failed, InvalidRequest};
        // Some servers fail over a field that they do not know, where others refuse it.
        let complaint = errors::complaint(refusal).filter(|_| matches!(refusal.kind, InvalidRequest | Failed))?;
        let is_refusal = refusal.kind == InvalidRequest;
        let sent = |field: &str| body.get(field).is_some_and(|value| *value != false);
        // A field that is refused without a name is likelier one of ours than one that clients know.
        let is_nameless =
            is_refusal && complaint.says(NAMELESS) && !complaint.words().any(|word| body.get(word).is_some());
        let is_refused = |field| sent(field) && (complaint.names(field) || is_nameless);
        let mut next = self;
        next.no_stream_options |= is_refused("stream_options");
        next.no_encoding_format |= is_refused("encoding_format");
        // Of the rest the value may be refused as well, which another name or form would not mend.
        let is_unsupported = is_refusal && complaint.says(UNSUPPORTED);
        if is_unsupported || (is_refusal && complaint.says(UNKNOWN)) {
            let limit = LIMIT_NAMES.into_iter().find(|name| sent(name));
            next.other_limit_name |= limit.is_some_and(|limit| complaint.names(limit));
        }
        let is_stream = complaint.names("stream") || complaint.names("streaming");
        next.no_stream |= next == self && is_unsupported && sent("stream") && is_stream;
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
