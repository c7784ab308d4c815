//! What a provider says about an error, wherever it puts it.

use std::fmt;

use serde_json::Value;

/// Most levels down to a sentence.
const MAX_DEPTH: usize = 6;
/// Most items of a list that make up a sentence.
const MAX_ITEMS: usize = 3;
/// Where sentences stand, the likeliest first.
const SENTENCES: &[&str] =
    &["message", "msg", "detail", "error", "errors", "error_description", "description", "title", "reason"];
/// Where codes stand: words, or a status.
const CODES: &[&str] = &["code", "type", "status", "status_code"];
/// What quotes the request and says nothing of its own.
const QUOTES: &[&str] = &["input", "ctx", "url", "failed_generation"];

/// What a provider complains about.
#[derive(Clone, Default)]
pub(super) struct Complaint {
    /// A sentence for people; may hold anything.
    pub(super) message: String,
    /// Its codes, in lower case, joined by blanks.
    pub(super) code: String,
    /// Everything that it says of its own, in lower case.
    text: String,
}

/// Shows nothing: what a provider says may hold secrets.
impl fmt::Debug for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Complaint")
    }
}

impl Complaint {
    /// Reads `{"error": {…}}`, `{"error": "…"}`, `{"errors": […]}`, `{"message": …}`, `{"detail": …}`, a list of these
    /// or a bare text.
    pub(super) fn read(body: &Value) -> Self {
        let error = innermost(body);
        let outer = if std::ptr::eq(error, body) { None } else { Some(body) };
        let codes: Vec<String> = [Some(error), outer].into_iter().flatten().flat_map(codes).collect();
        let mut text = String::new();
        gather(body, &mut text, 0);
        let message = sentence(error, 0).or_else(|| sentence(body, 0)).unwrap_or_default();
        Self { message, code: codes.join(" ").to_lowercase(), text: text.to_lowercase() }
    }

    /// Whether it names a field of the request.
    pub(super) fn names(&self, field: &str) -> bool {
        self.words().any(|word| word == field)
    }

    /// Its words, as fields are named.
    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
    }

    /// Whether it says one of these, in lower case.
    pub(super) fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.text.contains(phrase))
    }
}

/// Whether a chunk or a body is an error in itself, though it has no field `error`.
pub(super) fn is_bare_error(body: &Value) -> bool {
    let has = |field: &str| body.get(field).is_some_and(is_something);
    body.get("object").and_then(Value::as_str).is_some_and(|object| object.eq_ignore_ascii_case("error"))
        || (!body.get("choices").is_some_and(Value::is_array) && ["errors", "detail", "message"].into_iter().any(has))
}

/// Whether a value says anything: null, false, zero and what is empty do not.
pub(super) fn is_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is_true) => *is_true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// The part of a body that is the error.
fn innermost(body: &Value) -> &Value {
    match body {
        Value::Array(items) => items.first().map_or(body, innermost),
        Value::Object(fields) => {
            let error = ["error", "errors"].into_iter().find_map(|name| {
                fields.get(name).filter(|error| is_something(error) && !error.is_boolean() && !error.is_number())
            });
            match error {
                Some(Value::Array(items)) => items.first().unwrap_or(body),
                Some(error) => error,
                None => body,
            }
        }
        _ => body,
    }
}

fn codes(error: &Value) -> impl Iterator<Item = String> + '_ {
    CODES.iter().filter_map(|name| match error.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(number @ Value::Number(_)) => Some(number.to_string()),
        _ => None,
    })
}

/// The sentence in a value; a text may be JSON again.
fn sentence(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            let inner = serde_json::from_str::<Value>(text).ok();
            inner.and_then(|inner| sentence(&inner, depth + 1)).or_else(|| Some(text.clone()))
        }
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Array(items) => {
            let said: Vec<String> = items.iter().filter_map(|item| sentence(item, depth + 1)).take(MAX_ITEMS).collect();
            Some(said.join("; ")).filter(|said| !said.is_empty())
        }
        Value::Object(fields) => {
            let said =
                SENTENCES.iter().filter_map(|name| fields.get(*name)).find_map(|said| sentence(said, depth + 1))?;
            let place = fields.get("loc").and_then(Value::as_array).map(|loc| place(loc)).unwrap_or_default();
            // A router says that its own provider failed, and what that said beside it.
            let raw = value.pointer("/metadata/raw").and_then(|raw| sentence(raw, depth + 1));
            let reason = raw.map(|raw| format!(": {raw}")).unwrap_or_default();
            Some(format!("{place}{said}{reason}"))
        }
        _ => None,
    }
}

/// Where in the request the fault is, as `body.max_tokens: `.
fn place(loc: &[Value]) -> String {
    let steps: Vec<String> =
        loc.iter().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned)).collect();
    if steps.is_empty() { String::new() } else { format!("{}: ", steps.join(".")) }
}

fn gather(value: &Value, text: &mut String, depth: usize) {
    match value {
        Value::String(said) => {
            text.push(' ');
            text.push_str(said);
        }
        Value::Array(items) if depth < MAX_DEPTH => items.iter().for_each(|item| gather(item, text, depth + 1)),
        Value::Object(fields) if depth < MAX_DEPTH => {
            let own = fields.iter().filter(|(name, _)| !QUOTES.contains(&name.as_str()));
            own.for_each(|(_, value)| gather(value, text, depth + 1));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_place_of_a_sentence_is_found() {
        for (body, message, code) in [
            (json!({ "error": { "message": "m", "type": "T", "code": null } }), "m", "t"),
            (json!({ "error": "m", "status": 400 }), "m", "400"),
            (
                json!([{ "error": { "code": 400, "message": "m", "status": "INVALID_ARGUMENT" } }]),
                "m",
                "400 invalid_argument",
            ),
            (json!({ "detail": "m" }), "m", ""),
            (json!({ "detail": [{ "loc": ["body", "n"], "msg": "m", "type": "t" }] }), "body.n: m", ""),
            (
                json!({ "object": "error", "message": { "detail": [{ "loc": ["body", 0], "msg": "m" }] } }),
                "body.0: m",
                "",
            ),
            (json!({ "object": "error", "message": "{\"detail\":[{\"msg\":\"m\"}]}", "code": "1000" }), "m", "1000"),
            (json!({ "errors": [{ "message": "m" }, { "message": "n" }] }), "m", ""),
            (json!({ "error": true, "message": "m" }), "m", ""),
            (
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "m" } }),
                "m",
                "overloaded_error error",
            ),
            (
                json!({ "error": { "message": "Provider returned error", "metadata": { "raw": "{\"error\":\"m\"}" } } }),
                "Provider returned error: m",
                "",
            ),
            (json!("m"), "m", ""),
            (json!({ "error": { "code": 500 } }), "", "500"),
            (json!([]), "", ""),
            (json!(null), "", ""),
        ] {
            let complaint = Complaint::read(&body);
            assert_eq!((complaint.message.as_str(), complaint.code.as_str()), (message, code), "{body}");
        }
    }

    #[test]
    fn fields_are_named_as_words_and_not_by_what_is_quoted() {
        let complaint = Complaint::read(&json!({ "detail": [
            { "type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted" },
            { "type": "missing", "loc": ["body", "x"], "msg": "Field required", "input": { "a": "max_tokens" } },
        ] }));
        assert!(complaint.names("stream_options") && complaint.says(&["not permitted"]));
        for other in ["stream", "max_tokens", "options"] {
            assert!(!complaint.names(other), "{other}");
        }
        let quoted = "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens')}]";
        assert!(Complaint::read(&json!({ "message": quoted })).names("max_completion_tokens"));
    }

    #[test]
    fn a_deep_error_ends() {
        let deep = (0..100).fold(json!("m"), |inner, _| json!({ "error": inner }));
        assert_eq!(Complaint::read(&deep).message, "");
    }
}
