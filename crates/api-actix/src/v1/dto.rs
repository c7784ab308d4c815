//! Shapes of OpenAI's dialect. Unknown fields of a request are passed on to the provider or ignored.

use app::openai::{EmbeddingResult, dialect};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{
    error::ValueError,
    gateways::{ChatOptions, ChatRequest, EmbeddingInput, ModelDescription, PromptMessage, ToolCall},
    usage::TokenUsage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// A chat completion that is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "model": "banyan/extractive", "messages": [{ "role": "user", "content": "Hello" }] }))]
pub(crate) struct CompletionRequest {
    /// `<provider>/<model>`, or a bare name where it is unambiguous.
    pub(crate) model: String,
    messages: Vec<MessageDto>,
    #[serde(default)]
    pub(crate) stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    max_completion_tokens: Option<u32>,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    top_p: Option<f32>,
    /// One text, or several.
    #[serde(default)]
    #[schema(value_type = Object)]
    stop: Option<OneOrMany>,
    /// Keep the messages as a conversation of their own (default false).
    #[serde(default)]
    pub(crate) store: Option<bool>,
    /// Send the last user message under the head of this conversation, and ignore the rest.
    #[serde(default)]
    pub(crate) conversation_id: Option<Uuid>,
    #[serde(flatten)]
    #[schema(ignore)]
    other: Map<String, Value>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Deserialize, ToSchema)]
struct MessageDto {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    role: String,
    /// A text, or parts of which the texts are read.
    #[serde(default)]
    content: Value,
    #[serde(default)]
    tool_calls: Option<Vec<ToolCallDto>>,
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    extra: Map<String, Value>,
}

/// A tool call on the wire.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub(crate) struct ToolCallDto {
    pub(crate) id: String,
    #[serde(rename = "type", default = "function")]
    pub(crate) kind: String,
    pub(crate) function: FunctionDto,
    /// What else a provider says of the call and wants back with it.
    #[serde(flatten)]
    #[schema(ignore)]
    extra: Map<String, Value>,
}

/// The function of a tool call.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub(crate) struct FunctionDto {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: String,
}

fn function() -> String {
    "function".to_owned()
}

impl From<ToolCall> for ToolCallDto {
    fn from(ToolCall { id, name, arguments, extra }: ToolCall) -> Self {
        Self { id, kind: function(), function: FunctionDto { name, arguments }, extra }
    }
}

impl CompletionRequest {
    pub(crate) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().and_then(|options| options.include_usage).unwrap_or_default()
    }

    pub(crate) fn into_request(self) -> Result<ChatRequest, ValueError> {
        let messages = self.messages.into_iter().enumerate().map(|(index, message)| message.into_prompt(index));
        Ok(ChatRequest {
            messages: messages.collect::<Result<_, _>>()?,
            options: ChatOptions {
                // Two names of one thing, of which the first is the newer.
                max_output_tokens: self.max_completion_tokens.or(self.max_tokens),
                temperature: self.temperature,
                top_p: self.top_p,
                stop: match self.stop {
                    None => Vec::new(),
                    Some(OneOrMany::One(text)) => vec![text],
                    Some(OneOrMany::Many(texts)) => texts,
                },
                extra: dialect::passed_on(self.other)?,
            },
            ..ChatRequest::default()
        })
    }
}

impl MessageDto {
    fn into_prompt(self, index: usize) -> Result<PromptMessage, ValueError> {
        let tool_calls = self.tool_calls.unwrap_or_default();
        Ok(PromptMessage {
            role: dialect::prompt_role(index, &self.role)?,
            text: dialect::prompt_text(index, &self.content)?,
            tool_calls: tool_calls
                .into_iter()
                .map(|call| ToolCall {
                    id: call.id,
                    name: call.function.name,
                    arguments: call.function.arguments,
                    extra: call.extra,
                })
                .collect(),
            tool_call_id: self.tool_call_id,
            extra: self.extra,
        })
    }
}

/// Tokens, as OpenAI counts them out.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct UsageDto {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
}

impl From<TokenUsage> for UsageDto {
    fn from(usage: TokenUsage) -> Self {
        Self { prompt_tokens: usage.input_tokens, completion_tokens: usage.output_tokens, total_tokens: usage.total() }
    }
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelDto {
    pub(crate) id: String,
    pub(crate) object: &'static str,
    pub(crate) created: i64,
    pub(crate) owned_by: String,
}

impl From<ModelDescription> for ModelDto {
    fn from(model: ModelDescription) -> Self {
        Self { id: model.name.to_string(), object: "model", created: model.created, owned_by: model.name.provider }
    }
}

/// The models on offer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    pub(crate) object: &'static str,
    pub(crate) data: Vec<ModelDto>,
}

/// Texts to be embedded, or their tokens.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "model": "openai/text-embedding-3-small", "input": "a text" }))]
pub(crate) struct EmbeddingRequest {
    pub(crate) model: String,
    pub(crate) input: EmbeddingInputDto,
    /// `float` (the default) or `base64`.
    #[serde(default)]
    pub(crate) encoding_format: Option<String>,
}

/// Up to 2,048 inputs, none of them empty: a text, several texts, the token ids of one input, or those of several.
///
/// Ids are of the tokenizer of the model that is served. Those of tiktoken, which some clients send by default, are of
/// OpenAI's models only; for any other model send texts. A model in the process puts its special tokens (`[CLS]`,
/// `[SEP]`) around ids that do not begin with them, and no prompt before them. More ids in one input than the model
/// reads are refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a text, a list of texts, a list of token ids, or a list of such lists")]
pub(crate) enum EmbeddingInputDto {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

impl From<EmbeddingInputDto> for EmbeddingInput {
    fn from(input: EmbeddingInputDto) -> Self {
        match input {
            EmbeddingInputDto::Text(text) => Self::Texts(vec![text]),
            EmbeddingInputDto::Texts(texts) => Self::Texts(texts),
            EmbeddingInputDto::Tokens(ids) => Self::Tokens(vec![ids]),
            EmbeddingInputDto::TokenLists(lists) => Self::Tokens(lists),
        }
    }
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum VectorFormat {
    /// As numbers.
    #[default]
    Float,
    /// As base64 of little-endian f32.
    Base64,
}

impl VectorFormat {
    pub(crate) fn parse(name: &str) -> Result<Self, ValueError> {
        match name {
            "float" => Ok(Self::Float),
            "base64" => Ok(Self::Base64),
            _ => Err(ValueError::new("encoding_format", "unknown_format", "must be 'float' or 'base64'")),
        }
    }

    fn write(self, vector: Vec<f32>) -> VectorDto {
        match self {
            Self::Float => VectorDto::Float(vector),
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                VectorDto::Base64(BASE64_STANDARD.encode(bytes))
            }
        }
    }
}

/// A vector, in either format.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum VectorDto {
    Float(Vec<f32>),
    Base64(String),
}

/// One embedding.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingDto {
    pub(crate) object: &'static str,
    pub(crate) index: usize,
    #[schema(value_type = Object)]
    pub(crate) embedding: VectorDto,
}

/// Embeddings in the order of the inputs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingList {
    pub(crate) object: &'static str,
    pub(crate) data: Vec<EmbeddingDto>,
    pub(crate) model: String,
    pub(crate) usage: EmbeddingUsage,
}

impl EmbeddingList {
    pub(crate) fn new(embedded: EmbeddingResult, format: VectorFormat) -> Self {
        let tokens = embedded.input_tokens;
        let vectors = embedded.vectors.into_iter().map(|vector| format.write(vector));
        let item = |(index, embedding)| EmbeddingDto { object: "embedding", index, embedding };
        Self {
            object: "list",
            data: vectors.enumerate().map(item).collect(),
            model: embedded.model.full_name(),
            usage: EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens },
        }
    }
}

/// Tokens of embeddings.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingUsage {
    pub(crate) prompt_tokens: u64,
    pub(crate) total_tokens: u64,
}
