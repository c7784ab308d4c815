//! The OpenAI dialect as peers really speak it: whatever they may leave out has a default, whatever
//! is unknown is ignored or handed on, and a field of the wrong type counts as left out.

use domain::{gateways::Extra, usage::TokenUsage};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::IgnoredAny};
use serde_json::Value;

use super::{
    beside,
    complaint::{is_bare_error, is_something},
};

/// Why a model stops where its provider failed.
pub(super) const FAILED: &str = "error";
/// Why a model stops that calls a tool.
pub(super) const CALLS_TOOLS: &str = "tool_calls";
/// Why a model stops that is done.
pub(super) const DONE: &str = "stop";
/// Why models stop, by OpenAI's words, and what others say for them, in lower case.
const REASONS: &[(&str, &[&str])] = &[
    (DONE, &["complete", "end", "end_turn", "eos", "eos_token", "stop_sequence"]),
    ("length", &["max_length", "max_output_tokens", "max_tokens", "model_length"]),
    (CALLS_TOOLS, &["function_call", "tool_call", "tool_use"]),
    ("content_filter", &["blocklist", "prohibited_content", "recitation", "refusal", "safety", "spii"]),
    (FAILED, &["abort", "aborted", "insufficient_system_resource"]),
];

/// Reads a field, or its default when it is null or of another type.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Reads a count; some peers write whole numbers as decimal ones, or as texts.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let decimal =
        || value.as_f64().filter(|number| *number >= 0.0 && number.fract() == 0.0).map(|number| number as u64);
    let text = || value.as_str().and_then(|text| text.trim().parse().ok());
    Ok(value.as_u64().or_else(decimal).or_else(text))
}

// There is a chunk for each token, so its fields are taken out of the maps that they came in, and not read again.

/// Takes a field out, or its default when it is missing, null or of another type.
fn take<T: DeserializeOwned + Default>(fields: &mut Extra, name: &str) -> T {
    fields.remove(name).and_then(|value| serde_json::from_value(value).ok()).unwrap_or_default()
}

/// Takes a list out; items may be of any type.
fn take_items(fields: &mut Extra, name: &str) -> Vec<Value> {
    if let Some(Value::Array(items)) = fields.remove(name) { items } else { Vec::new() }
}

fn object(value: Value) -> Option<Extra> {
    if let Value::Object(fields) = value { Some(fields) } else { None }
}

/// A chunk of a streamed answer, or a whole answer.
#[derive(Debug, Default)]
pub(super) struct ChatChunk {
    pub(super) choices: Vec<Choice>,
    usage: Option<Usage>,
    /// Groq's place for the usage.
    x_groq: UsageElsewhere,
    /// What it says beside its choices.
    pub(super) beside: Extra,
}

impl From<Value> for ChatChunk {
    fn from(value: Value) -> Self {
        let mut fields = object(value).unwrap_or_default();
        let choices = take_items(&mut fields, "choices").into_iter().filter_map(object);
        Self {
            choices: choices.map(Choice::from).collect(),
            usage: take(&mut fields, "usage"),
            x_groq: take(&mut fields, "x_groq"),
            beside: beside::of_chunk(fields),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct UsageElsewhere {
    #[serde(deserialize_with = "lenient")]
    usage: Option<Usage>,
}

impl ChatChunk {
    /// The counts, wherever they stand.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        let in_choices = self.choices.iter().map(|choice| &choice.usage);
        let mut places = [&self.usage, &self.x_groq.usage].into_iter().chain(in_choices);
        places.find_map(|usage| usage.as_ref()?.tokens())
    }
}

/// The error that a chunk or a body tells: in a field of its own, in a choice, or as itself.
pub(super) fn error_in(body: &Value) -> Option<&Value> {
    let has_failed = |choice: &&Value| {
        let reason = choice.get("finish_reason").and_then(Value::as_str).and_then(known_reason);
        choice.get("error").is_some_and(is_something) || reason == Some(FAILED)
    };
    match body {
        Value::Array(items) => items.first().and_then(error_in),
        _ if body.get("error").is_some_and(is_something) || is_bare_error(body) => Some(body),
        _ => body.get("choices")?.as_array()?.iter().find(has_failed),
    }
}

/// OpenAI's word for a reason to stop.
fn known_reason(reason: &str) -> Option<&'static str> {
    let lower = reason.to_lowercase();
    let is_meant = |(word, others): &&(&str, &[&str])| *word == lower || others.contains(&lower.as_str());
    REASONS.iter().find(is_meant).map(|(word, _)| *word)
}

#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) index: u32,
    delta: Option<Delta>,
    /// That of a whole answer; some peers send it beside the delta.
    message: Option<Delta>,
    /// The place of the way before chats.
    text: Value,
    finish_reason: Value,
    /// Moonshot's place for the usage.
    usage: Option<Usage>,
    /// What it says beside its message.
    pub(super) beside: Extra,
}

impl From<Extra> for Choice {
    fn from(mut fields: Extra) -> Self {
        let mut said = |name| fields.remove(name).and_then(object).map(Delta::from);
        Self {
            delta: said("delta"),
            message: said("message"),
            index: take(&mut fields, "index"),
            text: fields.remove("text").unwrap_or_default(),
            finish_reason: fields.remove("finish_reason").unwrap_or_default(),
            usage: take(&mut fields, "usage"),
            beside: beside::of_choice(fields),
        }
    }
}

impl Choice {
    /// Why the model stopped, if it has: in OpenAI's word where there is one, else in the provider's own. What is no
    /// word says only that it has.
    pub(super) fn finish_reason(&self) -> Option<String> {
        match &self.finish_reason {
            Value::String(reason) => {
                let known = known_reason(reason).unwrap_or(reason);
                Some(known.to_owned()).filter(|_| !matches!(reason.to_lowercase().as_str(), "" | "null" | "none"))
            }
            other => is_something(other).then(|| DONE.to_owned()),
        }
    }

    /// What is said: the delta, or the message where there is none, or where the deltas have not said anything. Beside
    /// deltas that speak, the message may be the whole answer so far.
    pub(super) fn said(self, deltas_speak: bool) -> Said {
        match (self.delta, self.message) {
            (Some(delta), None) => Said::Delta(delta),
            (Some(delta), Some(_)) if deltas_speak || delta.speaks() => Said::Delta(delta),
            (_, Some(message)) => Said::Message(message),
            (None, None) => Said::Delta(Delta { content: self.text, ..Delta::default() }),
        }
    }
}

/// What a choice says.
#[derive(Debug)]
pub(super) enum Said {
    /// A piece.
    Delta(Delta),
    /// A message: the whole answer, or in a stream all of it so far.
    Message(Delta),
}

#[derive(Debug, Default)]
pub(super) struct Delta {
    pub(super) content: Value,
    pub(super) refusal: Value,
    /// DeepSeek, vLLM and others.
    reasoning_content: Value,
    /// OpenRouter, Groq, Ollama.
    reasoning: Value,
    /// Ollama's native word.
    thinking: Value,
    pub(super) tool_calls: Vec<ToolCallPiece>,
    /// The one call of the way before tools.
    pub(super) function_call: Option<FunctionPiece>,
    extra: Extra,
}

/// Fields of a delta that nobody wants: the last is the part of an answer that a piece belongs to, which its own field
/// says as well.
const UNWANTED: &[&str] = &["role", "audio", "channel"];

impl From<Extra> for Delta {
    fn from(mut fields: Extra) -> Self {
        let pieces = take_items(&mut fields, "tool_calls").into_iter();
        let tool_calls = pieces.filter_map(|piece| serde_json::from_value(piece).ok()).collect();
        let function_call = take(&mut fields, "function_call");
        UNWANTED.iter().for_each(|name| drop(fields.remove(*name)));
        let mut value = |name| fields.remove(name).unwrap_or_default();
        Self {
            content: value("content"),
            refusal: value("refusal"),
            reasoning_content: value("reasoning_content"),
            reasoning: value("reasoning"),
            thinking: value("thinking"),
            tool_calls,
            function_call,
            extra: fields,
        }
    }
}

impl Delta {
    /// Whether it says anything.
    pub(super) fn speaks(&self) -> bool {
        let is_silent = self.reasoning().is_empty()
            && thoughts(&self.content).is_empty()
            && text(&self.content).is_empty()
            && text(&self.refusal).is_empty();
        !is_silent || !self.tool_calls.is_empty() || self.function_call.is_some() || !self.extra.is_empty()
    }

    /// The reasoning beside the content; some peers send it under two names.
    pub(super) fn reasoning(&self) -> String {
        let places = [&self.reasoning_content, &self.reasoning, &self.thinking];
        places.into_iter().map(text).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Further fields that a client may have to hand back: texts, lists and objects that hold something. Numbers only
    /// describe the piece.
    pub(super) fn take_extra(&mut self) -> Extra {
        let may_be_wanted = |value: &Value| is_something(value) && !value.is_number() && !value.is_boolean();
        std::mem::take(&mut self.extra).into_iter().filter(|(_, value)| may_be_wanted(value)).collect()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCallPiece {
    #[serde(deserialize_with = "lenient")]
    pub(super) index: Option<usize>,
    #[serde(deserialize_with = "lenient")]
    pub(super) id: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) function: FunctionPiece,
    #[serde(rename = "type")]
    pub(super) _kind: IgnoredAny,
    /// Further fields, such as the signatures of thoughts that some peers want back.
    #[serde(flatten)]
    pub(super) extra: Extra,
}

impl ToolCallPiece {
    /// Whether it names a tool: a function, or one whose input is text.
    pub(super) fn has_name(&self) -> bool {
        let custom = self.extra.get("custom").and_then(|custom| custom.get("name"));
        !self.function.name.is_empty() || custom.is_some_and(is_something)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionPiece {
    #[serde(deserialize_with = "lenient")]
    pub(super) name: String,
    /// JSON text; some peers send the object itself.
    pub(super) arguments: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    /// Some peers take the names of a later dialect.
    #[serde(alias = "input_tokens", deserialize_with = "count")]
    prompt_tokens: Option<u64>,
    #[serde(alias = "output_tokens", deserialize_with = "count")]
    completion_tokens: Option<u64>,
    #[serde(deserialize_with = "count")]
    total_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    prompt_tokens_details: InputDetails,
    #[serde(deserialize_with = "lenient")]
    completion_tokens_details: OutputDetails,
    /// DeepSeek's place for what was read from its cache.
    #[serde(deserialize_with = "count")]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    #[serde(deserialize_with = "count")]
    cached_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "count")]
    reasoning_tokens: Option<u64>,
}

impl Usage {
    /// The counts, if there are any: an empty object is none, while zeros stay zeros.
    // Gemini and xAI count the text alone as completion, and thoughts in the total or in the details only. They are paid
    // for as what was written, so whatever of the total is not of the prompt is.
    fn tokens(&self) -> Option<TokenUsage> {
        let rest = |known: u64| self.total_tokens.and_then(|total| total.checked_sub(known));
        let thoughts = self.completion_tokens_details.reasoning_tokens.unwrap_or_default();
        let (input, output) = match (self.prompt_tokens, self.completion_tokens) {
            (None, None) => return None,
            (Some(input), None) => (input, rest(input).filter(|output| *output > 0)?),
            (None, Some(output)) => (rest(output).unwrap_or_default(), output),
            (Some(input), Some(output)) => (input, rest(input).unwrap_or_default().max(output)),
        };
        let output = if thoughts > output { output.saturating_add(thoughts) } else { output };
        let cached = self.prompt_tokens_details.cached_tokens.or(self.prompt_cache_hit_tokens);
        Some(TokenUsage {
            input_tokens: input,
            cached_input_tokens: cached.unwrap_or_default().min(input),
            output_tokens: output,
            reasoning_tokens: thoughts,
        })
    }

    /// Tokens read, of an embedding.
    pub(super) fn input(&self) -> Option<u64> {
        self.prompt_tokens.or(self.total_tokens)
    }
}

/// The text of a field: a string, a part that holds one, or a list of these.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect(),
        Value::Object(part) => part.get("text").and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

/// The reasoning that stands in a list of parts between those of text, as Mistral sends it.
pub(super) fn thoughts(content: &Value) -> String {
    let parts = content.as_array().into_iter().flatten();
    parts.filter_map(|part| part.get("thinking")).map(text).collect()
}

/// The answer to `POST /embeddings`.
#[derive(Debug, Deserialize)]
pub(super) struct EmbeddingList {
    pub(super) data: Vec<Embedding>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Embedding {
    #[serde(default)]
    pub(super) index: Option<usize>,
    pub(super) embedding: Vector,
}

/// A vector, as numbers or as base64 of little-endian `f32`s.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}
