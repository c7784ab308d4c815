//! What peers say beside the message of an answer: in a chunk itself, and in its choice. Most repeat it with every chunk.

use super::{complaint::is_something, json};
use domain::gateways::{AnswerExtra, Extra};

/// Fields of a chunk that are read elsewhere or say nothing of the answer: `obfuscation` and `p` are padding.
const OF_CHUNKS: &[&str] = &["id", "object", "created", "model", "error", "obfuscation", "p"];
/// The same of a choice. Probabilities of tokens are not served.
const OF_CHOICES: &[&str] = &["logprobs", "error"];
/// Most fields of either that are taken.
const MAX_FIELDS: usize = 64;

/// What a chunk says beside its choices and counts, which are taken out already.
pub(super) fn of_chunk(fields: Extra) -> Extra {
    rest(fields, OF_CHUNKS)
}

/// What a choice says beside its message.
pub(super) fn of_choice(fields: Extra) -> Extra {
    rest(fields, OF_CHOICES)
}

fn rest(fields: Extra, known: &[&str]) -> Extra {
    let unknown = fields.into_iter().filter(|(name, value)| !known.contains(&name.as_str()) && is_something(value));
    let joined = unknown.map(|(name, mut value)| {
        json::join_all(&mut value);
        (json::joined(name), value)
    });
    joined.collect()
}

/// What was said beside the message of an answer so far. Each field is told when it comes, and once more at the end where
/// it has changed by then.
#[derive(Debug, Default)]
pub(super) struct Beside {
    choice: Place,
    answer: Place,
}

impl Beside {
    /// Takes in what a chunk says.
    pub(super) fn take_of_chunk(&mut self, fields: Extra) {
        self.answer.take(fields);
    }

    /// Takes in what the choice says that is heard.
    pub(super) fn take_of_choice(&mut self, fields: Extra) {
        self.choice.take(fields);
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
    use serde_json::{Value, json};

    use super::*;
    use crate::openai::wire::ChatChunk;

    fn fields(value: Value) -> Extra {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn each_field_is_told_once_and_once_more_where_it_has_changed() {
        let mut beside = Beside::default();
        let mut told = Vec::new();
        for citations in [json!(["a"]), json!(["a"]), json!(["a", "b"]), json!(["a", "b", "c"])] {
            let chunk = json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "citations": citations, "system_fingerprint": "fp", "obfuscation": citations, "service_tier": null,
                "choices": [{ "index": 1, "stop_reason": "other" }, { "index": 0, "delta": { "content": "x" },
                    "logprobs": {}, "content_filter_results": { "hate": false } }] });
            let chunk = ChatChunk::from(chunk);
            chunk.choices.into_iter().skip(1).for_each(|choice| beside.take_of_choice(choice.beside));
            beside.take_of_chunk(chunk.beside);
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
            beside.take_of_chunk(fields(json!({ format!("f{number}"): 1 })));
        }
        assert_eq!(beside.end().unwrap().answer.len(), MAX_FIELDS);
    }
}
