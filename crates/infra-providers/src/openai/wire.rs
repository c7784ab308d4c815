//! The OpenAI dialect as peers really speak it: whatever they may leave out has a default, whatever
//! is unknown is ignored, and a field of the wrong type counts as left out.

use domain::{gateways::Extra, usage::TokenUsage};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};

/// Reads a field, or its default when it is null or of another type.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// A chunk of a streamed answer, or a whole answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChatChunk {
    #[serde(deserialize_with = "lenient")]
    pub(super) choices: Vec<Choice>,
    #[serde(deserialize_with = "lenient")]
    pub(super) usage: Option<Usage>,
    pub(super) error: Option<Value>,
    /// `error` where the chunk itself is one.
    #[serde(deserialize_with = "lenient")]
    object: String,
    message: Value,
    code: Value,
    #[serde(rename = "type")]
    kind: Value,
}

impl ChatChunk {
    /// The error that it tells, in a field of its own or as itself.
    pub(super) fn error(&self) -> Option<Value> {
        let itself = || json!({ "message": self.message, "code": self.code, "type": self.kind });
        self.error.clone().or_else(|| (self.object == "error").then(itself))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    #[serde(deserialize_with = "lenient")]
    pub(super) index: u32,
    #[serde(deserialize_with = "lenient")]
    delta: Option<Delta>,
    /// That of a whole answer; some peers send it beside the delta.
    #[serde(deserialize_with = "lenient")]
    message: Delta,
    #[serde(deserialize_with = "lenient")]
    pub(super) finish_reason: String,
}

impl Choice {
    /// What is said: the delta, or where there is none the message. Beside a delta the message may be the whole
    /// answer so far.
    pub(super) fn said(self) -> Delta {
        self.delta.unwrap_or(self.message)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Delta {
    pub(super) content: Value,
    pub(super) refusal: Value,
    /// DeepSeek, vLLM and others.
    pub(super) reasoning_content: Value,
    /// OpenRouter, Groq, Ollama.
    pub(super) reasoning: Value,
    #[serde(deserialize_with = "lenient")]
    pub(super) tool_calls: Vec<ToolCallPiece>,
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
    _kind: Value,
    /// Further fields, such as the signatures of thoughts that some peers want back.
    #[serde(flatten)]
    pub(super) extra: Extra,
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
    #[serde(deserialize_with = "lenient")]
    prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    completion_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    total_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    prompt_tokens_details: InputDetails,
    #[serde(deserialize_with = "lenient")]
    completion_tokens_details: OutputDetails,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputDetails {
    #[serde(deserialize_with = "lenient")]
    cached_tokens: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    #[serde(deserialize_with = "lenient")]
    reasoning_tokens: u64,
}

impl Usage {
    /// The counts, if there are any: an empty object is none, while zeros stay zeros.
    pub(super) fn tokens(&self) -> Option<TokenUsage> {
        let total = self.total_tokens.unwrap_or_default();
        let (input, output) = match (self.prompt_tokens, self.completion_tokens) {
            (None, None) => return None,
            (Some(input), None) => (input, total.saturating_sub(input)),
            (None, Some(output)) => (total.saturating_sub(output), output),
            (Some(input), Some(output)) => (input, output),
        };
        Some(TokenUsage {
            input_tokens: input,
            cached_input_tokens: self.prompt_tokens_details.cached_tokens.min(input),
            output_tokens: output,
            reasoning_tokens: self.completion_tokens_details.reasoning_tokens.min(output),
        })
    }

    /// Tokens read, of an embedding.
    pub(super) fn input(&self) -> Option<u64> {
        self.prompt_tokens.or(self.total_tokens)
    }
}

/// The text of a content field: a string, or a list of parts of which those of text count.
pub(super) fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect(),
        _ => String::new(),
    }
}

/// The answer to `GET /models`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelList {
    pub(super) data: Vec<Model>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Model {
    #[serde(deserialize_with = "lenient")]
    pub(super) id: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) created: i64,
}

/// The answer to `POST /embeddings`.
#[derive(Debug, Deserialize)]
pub(super) struct EmbeddingList {
    pub(super) data: Vec<Embedding>,
    #[serde(default)]
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

/// What a peer says about an error, wherever it puts it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorDetail {
    /// For people; may hold anything.
    pub(super) message: String,
    /// `code` and `type`, in lower case, joined by a blank.
    pub(super) code: String,
}

impl ErrorDetail {
    /// Reads `{"error": {…}}`, `{"error": "…"}`, `{"message": "…"}`, `{"detail": …}`.
    pub(super) fn read(body: &Value) -> Self {
        let error = body.get("error").filter(|error| !error.is_null()).unwrap_or(body);
        let field = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let message = match error {
            Value::String(text) => text.clone(),
            _ => [field("message"), field("detail")].into_iter().find(|text| !text.is_empty()).unwrap_or_default(),
        };
        Self { message, code: format!("{} {}", field("code"), field("type")).trim().to_lowercase() }
    }
}
