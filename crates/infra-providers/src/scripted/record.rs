//! What the server keeps: requests, the bill, how far it is.

use std::{collections::VecDeque, sync::Arc};

use serde_json::Value;

use super::http::Incoming;

/// Most requests that are kept; older ones go.
const MAX_REQUESTS: usize = 10_000;
/// Most charges that are kept; older ones go.
const MAX_CHARGES: usize = 1_000_000;

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRequest {
    /// Its number, from 1; the answer's id is `chatcmpl-<number>`.
    pub number: u64,
    /// The number of the connection on which it came, from 1.
    pub connection: u64,
    /// The path.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Value,
}

impl RecordedRequest {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The texts of all messages, or all inputs, one a line.
    #[must_use]
    pub fn prompt(&self) -> String {
        let texts = if self.body.get("input").is_some() {
            self.inputs()
        } else {
            let messages = self.body["messages"].as_array().into_iter().flatten();
            messages.filter_map(|message| message.get("content")?.as_str()).map(str::to_owned).collect()
        };
        texts.join("\n")
    }

    /// What is to be embedded: texts, and token ids as a text of numbers, each of which is a word.
    pub(super) fn inputs(&self) -> Vec<String> {
        let numbers = |ids: &[Value]| ids.iter().map(Value::to_string).collect::<Vec<_>>().join(" ");
        match &self.body["input"] {
            Value::String(text) => vec![text.clone()],
            Value::Array(ids) if ids.iter().any(Value::is_number) => vec![numbers(ids)],
            Value::Array(inputs) => {
                let text = |input: &Value| match input {
                    Value::Array(ids) => Some(numbers(ids)),
                    text => text.as_str().map(str::to_owned),
                };
                inputs.iter().filter_map(text).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Tokens of the prompt as this server counts them: words.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        count_words(&self.prompt())
    }

    pub(super) fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or_default()
    }
}

/// What one request cost, charged when its answer began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The request's number.
    pub number: u64,
    /// The model.
    pub model: String,
    /// Words read.
    pub input_tokens: u64,
    /// Words of the whole answer, also when it was cut off.
    pub output_tokens: u64,
}

/// How many requests have come how far, since the server began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Arrived and read.
    pub arrived: u64,
    /// First piece of the answer sent.
    pub begun: u64,
    /// Last piece of the answer sent.
    pub ended: u64,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    arrived: u64,
    pub(super) lists: u64,
    pub(super) requests: VecDeque<Arc<RecordedRequest>>,
    pub(super) bill: VecDeque<Charge>,
    pub(super) violations: Vec<String>,
}

impl Ledger {
    pub(super) fn arrive(&mut self, incoming: &Incoming, connection: u64, body: Value) -> Arc<RecordedRequest> {
        self.arrived += 1;
        let request = Arc::new(RecordedRequest {
            number: self.arrived,
            connection,
            path: incoming.path.clone(),
            headers: incoming.headers.clone(),
            body,
        });
        if self.requests.len() == MAX_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(Arc::clone(&request));
        request
    }

    pub(super) fn charge(&mut self, request: &RecordedRequest, input_tokens: u64, output_tokens: u64) {
        if self.bill.len() == MAX_CHARGES {
            self.bill.pop_front();
        }
        let (number, model) = (request.number, request.model().to_owned());
        self.bill.push_back(Charge { number, model, input_tokens, output_tokens });
    }
}

/// Words, as this server counts tokens.
pub(super) fn count_words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}
