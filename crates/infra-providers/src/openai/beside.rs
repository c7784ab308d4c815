//! What peers say beside the message of an answer: in a chunk itself, and in its choice. Most repeat it with every chunk.

use domain::gateways::{AnswerExtra, Extra};
use serde_json::Value;

use super::{complaint::is_something, json};

/// Fields of a chunk that are read elsewhere or say nothing of the answer: `obfuscation` and `p` are padding.
const OF_CHUNKS: &[&str] =
    &["id", "object", "created", "model", "choices", "usage", "x_groq", "error", "obfuscation", "p"];
/// The same of a choice. Probabilities of tokens are not served.
const OF_CHOICES: &[&str] = &["index", "delta", "message", "text", "finish_reason", "usage", "logprobs", "error"];
/// Most fields of either that are taken.
const MAX_FIELDS: usize = 64;

/// What a chunk says beside its messages.
#[derive(Debug, Default)]
pub(super) struct OfChunk {
    answer: Extra,
    choices: Vec<(u64, Extra)>,
}

/// Takes out of a chunk what it says beside its messages.
pub(super) fn taken_from(chunk: &mut Value) -> OfChunk {
    let answer = rest(chunk, OF_CHUNKS);
    let choices = chunk.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten();
    let choices = choices.map(|choice| {
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or_default();
        (index, rest(choice, OF_CHOICES))
    });
    OfChunk { answer, choices: choices.filter(|(_, fields)| !fields.is_empty()).collect() }
}

fn rest(value: &mut Value, known: &[&str]) -> Extra {
    let Some(fields) = value.as_object_mut() else { return Extra::new() };
    if fields.keys().all(|name| known.contains(&name.as_str())) {
        return Extra::new();
    }
    let rest = std::mem::take(fields).into_iter().filter_map(|(name, mut value)| {
        if known.contains(&name.as_str()) {
            fields.insert(name, value);
            return None;
        }
        json::join_all(&mut value);
        Some((json::joined(name), value)).filter(|(_, value)| is_something(value))
    });
    rest.collect()
}

/// What was said beside the message of an answer so far. Each field is told when it comes, and once more at the end where
/// it has changed by then.
#[derive(Debug, Default)]
pub(super) struct Beside {
    choice: Place,
    answer: Place,
}

impl Beside {
    /// Takes in what a chunk says, of the choice that is heard.
    pub(super) fn take(&mut self, of_chunk: OfChunk, heard: Option<u32>) {
        self.answer.take(of_chunk.answer);
        let heard = u64::from(heard.unwrap_or_default());
        let of_choice = of_chunk.choices.into_iter().filter(|(index, _)| *index == heard);
        of_choice.for_each(|(_, fields)| self.choice.take(fields));
    }

    /// The fields that were not told yet.
    pub(super) fn give_out(&mut self) -> Option<AnswerExtra> {
        something(self.choice.give_out(), self.answer.give_out())
    }

    /// The fields that were not told as they stand now.
    pub(super) fn end(&mut self) -> Option<AnswerExtra> {
        something(self.choice.end(), self.answer.end())
    }
}

fn something(choice: Extra, answer: Extra) -> Option<AnswerExtra> {
    Some(AnswerExtra { choice, answer, ..AnswerExtra::default() }).filter(|extra| !extra.is_empty())
}

#[derive(Debug, Default)]
struct Place {
    told: Extra,
    /// Not told yet.
    new: Extra,
    /// Told otherwise.
    changed: Extra,
}

impl Place {
    fn take(&mut self, fields: Extra) {
        for (name, value) in fields {
            match self.told.get(&name) {
                Some(told) if *told == value => drop(self.changed.remove(&name)),
                Some(_) => drop(self.changed.insert(name, value)),
                None if self.new.contains_key(&name) || self.told.len() + self.new.len() < MAX_FIELDS => {
                    self.new.insert(name, value);
                }
                None => {}
            }
        }
    }

    fn give_out(&mut self) -> Extra {
        let new = std::mem::take(&mut self.new);
        self.told.extend(new.clone());
        new
    }

    fn end(&mut self) -> Extra {
        let mut last = self.give_out();
        last.extend(std::mem::take(&mut self.changed));
        last
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
    fn each_field_is_told_once_and_once_more_where_it_has_changed() {
        let mut beside = Beside::default();
        let mut told = Vec::new();
        for citations in [json!(["a"]), json!(["a"]), json!(["a", "b"]), json!(["a", "b", "c"])] {
            let mut chunk = json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "citations": citations, "system_fingerprint": "fp", "obfuscation": citations, "service_tier": null,
                "choices": [{ "index": 1, "stop_reason": "other" }, { "index": 0, "delta": { "content": "x" },
                    "logprobs": {}, "content_filter_results": { "hate": false } }] });
            beside.take(taken_from(&mut chunk), Some(0));
            assert_eq!(chunk["choices"][1], json!({ "index": 0, "delta": { "content": "x" }, "logprobs": {} }));
            told.extend(beside.give_out());
        }
        told.extend(beside.end());
        let first = AnswerExtra {
            choice: fields(json!({ "content_filter_results": { "hate": false } })),
            answer: fields(json!({ "citations": ["a"], "system_fingerprint": "fp" })),
            ..AnswerExtra::default()
        };
        let last = something(Extra::new(), fields(json!({ "citations": ["a", "b", "c"] }))).unwrap();
        assert_eq!(told, [first, last]);
        assert_eq!(beside.end(), None);
    }

    #[test]
    fn fields_have_a_bound() {
        let mut beside = Beside::default();
        for number in 0..10 * MAX_FIELDS {
            let mut chunk = json!({ format!("f{number}"): 1 });
            beside.take(taken_from(&mut chunk), None);
        }
        assert_eq!(beside.end().unwrap().answer.len(), MAX_FIELDS);
    }
}
