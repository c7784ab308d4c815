//! What a provider says of an answer beside what we read ourselves.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Extra, MAX_EXTRA_BYTES};
use crate::text;

/// Further fields of an answer, by where they stand in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerExtra {
    /// Of the message: what a client hands back with it, such as the `reasoning_details` that hold the signatures of a
    /// model's reasoning.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub message: Extra,
    /// Of its choice, such as the results of a filter on content.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub choice: Extra,
    /// Of the answer as a whole, such as the `citations` of a provider that searches the web.
    #[serde(default, skip_serializing_if = "Extra::is_empty")]
    pub answer: Extra,
}

impl AnswerExtra {
    /// Those of a message alone.
    #[must_use]
    pub fn of_message(message: Extra) -> Self {
        Self { message, ..Self::default() }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.message.is_empty() && self.choice.is_empty() && self.answer.is_empty()
    }

    /// Bytes of them as JSON, but for what stands between them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        [&self.message, &self.choice, &self.answer].map(bytes_of).iter().sum()
    }

    /// Adds those of a further piece. Of a message the pieces are put together: lists, texts and objects go on, anything
    /// else is replaced. The others are told anew each time.
    pub fn add(&mut self, piece: Self) {
        join(&mut self.message, piece.message);
        self.choice.extend(piece.choice);
        self.answer.extend(piece.answer);
    }

    /// As they are let in: each place bounded by [`MAX_EXTRA_BYTES`], without NUL.
    pub(super) fn let_in(self) -> Self {
        let fields = |fields| text::told_fields(fields, MAX_EXTRA_BYTES);
        Self { message: fields(self.message), choice: fields(self.choice), answer: fields(self.answer) }
    }
}

/// Bytes of fields as JSON, but for what stands between them.
fn bytes_of(fields: &Extra) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.to_string().len()).sum()
}

fn join(to: &mut Extra, fields: Extra) {
    for (name, value) in fields {
        match (to.get_mut(&name), value) {
            (Some(Value::Array(items)), Value::Array(more)) => items.extend(more),
            (Some(Value::String(text)), Value::String(more)) => text.push_str(&more),
            (Some(Value::Object(fields)), Value::Object(more)) => join(fields, more),
            (_, value) => drop(to.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Extra {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn pieces_of_a_message_go_on_and_the_rest_is_told_anew() {
        let mut all = AnswerExtra::default();
        for piece in [
            json!({ "a": [1], "b": "x", "c": 1, "d": { "name": "f", "arguments": "{" } }),
            json!({ "a": [2], "b": "y", "c": 2, "d": { "arguments": "}" } }),
        ] {
            let answer = fields(json!({ "citations": piece["a"] }));
            all.add(AnswerExtra { message: fields(piece), choice: fields(json!({ "stop_reason": "x" })), answer });
        }
        let message = fields(json!({ "a": [1, 2], "b": "xy", "c": 2, "d": { "name": "f", "arguments": "{}" } }));
        let (choice, answer) = (fields(json!({ "stop_reason": "x" })), fields(json!({ "citations": [2] })));
        assert_eq!(all, AnswerExtra { message, choice, answer });
        assert!(!all.is_empty() && AnswerExtra::default().is_empty() && AnswerExtra::default().bytes() == 0);
    }

    #[test]
    fn each_place_has_its_bound() {
        let long = || fields(json!({ "long": "x".repeat(MAX_EXTRA_BYTES), "short": "a\0" }));
        let let_in = AnswerExtra { message: long(), choice: long(), answer: long() }.let_in();
        let short = fields(json!({ "short": "a" }));
        assert_eq!(let_in, AnswerExtra { message: short.clone(), choice: short.clone(), answer: short });
    }
}
