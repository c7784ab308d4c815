//! Messages in a stream, where others send deltas. Some peers send a piece in each, most all of the answer so far.

use domain::gateways::Extra;
use serde_json::Value;

/// What a stream has said.
#[derive(Debug, Default)]
pub(super) struct SoFar {
    text: Growing,
    reasoning: Growing,
    extra: Extra,
}

impl SoFar {
    /// Hears pieces of the answer, which a message may repeat.
    pub(super) fn hear(&mut self, reasoning: &str, text: &str) {
        self.reasoning.hear(reasoning);
        self.text.hear(text);
    }

    /// What is new in the text of a message.
    pub(super) fn text(&mut self, said: String) -> String {
        self.text.take(said)
    }

    /// The same of its reasoning.
    pub(super) fn reasoning(&mut self, said: String) -> String {
        self.reasoning.take(said)
    }

    /// The same of its further fields.
    pub(super) fn extra(&mut self, said: Extra) -> Extra {
        let new = said.iter().filter_map(|(name, value)| Some((name.clone(), rest(self.extra.get(name), value)?)));
        let new = new.collect();
        self.extra.extend(said);
        new
    }
}

/// A text that comes in pieces, or grows.
#[derive(Debug, Default)]
struct Growing {
    known: String,
    /// Each message has held all of those before it.
    has_grown: bool,
    /// Messages have held pieces.
    is_cut: bool,
}

impl Growing {
    fn hear(&mut self, piece: &str) {
        self.is_cut |= !piece.is_empty();
        self.known.push_str(piece);
    }

    // A message that begins with all that was said is that with more behind it, or the same once more: hardly a piece
    // repeats the whole before it.
    fn take(&mut self, said: String) -> String {
        let is_whole = !self.known.is_empty() && said.starts_with(&self.known);
        if self.has_grown || is_whole {
            self.has_grown |= said.len() > self.known.len() && !self.is_cut;
            let rest = said.split_at(common(&self.known, &said)).1.to_owned();
            // What is told cannot be taken back.
            if said.len() >= self.known.len() {
                self.known = said;
            }
            return rest;
        }
        self.is_cut |= !self.known.is_empty() && !said.is_empty();
        self.known.push_str(&said);
        said
    }
}

/// Bytes of the beginning that two texts share.
fn common(one: &str, other: &str) -> usize {
    let same = one.chars().zip(other.chars()).take_while(|(one, other)| one == other);
    same.map(|(letter, _)| letter.len_utf8()).sum()
}

/// What is new in a value; `None`: nothing.
fn rest(known: Option<&Value>, value: &Value) -> Option<Value> {
    match (known, value) {
        (Some(known), value) if known == value => None,
        (Some(Value::String(known)), Value::String(text)) => {
            Some(text.strip_prefix(known.as_str()).unwrap_or(text).into())
        }
        (Some(Value::Array(known)), Value::Array(items)) => {
            Some(items.strip_prefix(known.as_slice()).unwrap_or(items).into())
        }
        (_, value) => Some(value.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pieces_are_told_as_they_are_and_wholes_by_what_is_new() {
        for (said, told) in [
            (vec!["Hel", "lo", " world"], vec!["Hel", "lo", " world"]),
            (vec!["Hel", "Hello", "Hello world", "Hello world"], vec!["Hel", "lo", " world", ""]),
            // The whole once more at the end.
            (vec!["Hel", "lo", "Hello"], vec!["Hel", "lo", ""]),
            (vec!["Hello", "Hello"], vec!["Hello", ""]),
            (vec!["", "", "Hello"], vec!["", "", "Hello"]),
            (vec!["a", "a b", "", "a b c"], vec!["a", " b", "", " c"]),
        ] {
            let mut growing = Growing::default();
            let new: Vec<String> = said.iter().map(|text| growing.take((*text).to_owned())).collect();
            assert_eq!(new, told, "{said:?}");
        }
    }

    #[test]
    fn fields_are_told_by_what_is_new_in_them() {
        let fields = |value: Value| value.as_object().cloned().unwrap();
        let mut messages = SoFar::default();
        assert_eq!(messages.extra(fields(json!({ "a": [1], "b": "x" }))), fields(json!({ "a": [1], "b": "x" })));
        assert_eq!(messages.extra(fields(json!({ "a": [1, 2], "b": "x" }))), fields(json!({ "a": [2] })));
        assert_eq!(messages.extra(fields(json!({ "b": "xy", "c": 1 }))), fields(json!({ "b": "y", "c": 1 })));
    }
}
