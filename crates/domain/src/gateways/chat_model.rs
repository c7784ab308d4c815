//! Chat models: a request in, a stream of deltas out.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::AnswerExtra;
use crate::{
    error::ValueError,
    ids::{ChunkId, SourceId},
    names::names,
    text,
    usage::TokenUsage,
};

/// Most bytes of a model's full name.
pub const MAX_MODEL_NAME_BYTES: usize = 200;

/// Full name of a model: `<provider>/<model>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelName {
    /// The provider, as it is configured (`openai`, `ollama`, `banyan`).
    pub provider: String,
    /// The provider's own name of the model; may hold slashes.
    pub model: String,
}

impl ModelName {
    /// Splits a full name at its first slash.
    ///
    /// # Errors
    /// `not_a_model_name` for the field `model` when either side is empty, and as [`ModelName::check`].
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        Self::check(value)?;
        Self::from_stored(value)
    }

    /// The same for a name that was let in before, maybe by a version that bounded none.
    ///
    /// # Errors
    /// `not_a_model_name`.
    pub fn from_stored(value: &str) -> Result<Self, ValueError> {
        match value.split_once('/') {
            Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
                Ok(Self { provider: provider.to_owned(), model: model.to_owned() })
            }
            _ => {
                let message = "must be '<provider>/<model>', such as 'banyan/extractive'";
                Err(ValueError::new("model", "not_a_model_name", message))
            }
        }
    }

    /// Checks what may be a name, full or bare: at most 200 bytes, no control characters.
    ///
    /// # Errors
    /// `too_long` or `control_character` for the field `model`.
    pub fn check(value: &str) -> Result<(), ValueError> {
        if value.len() > MAX_MODEL_NAME_BYTES {
            let message = format!("must have at most {MAX_MODEL_NAME_BYTES} bytes");
            return Err(ValueError::new("model", "too_long", message));
        }
        if value.chars().any(char::is_control) {
            return Err(ValueError::new("model", "control_character", "must not hold control characters"));
        }
        Ok(())
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

names! {
    /// Who speaks in a prompt.
    pub enum PromptRole ("role") {
        /// Instructions of the operator or the conversation.
        System = "system",
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// The answer of a tool.
        Tool = "tool",
        /// The same in the older form of the dialect: it tells its function by `name`, and no call.
        Function = "function",
    }
}

/// Most bytes, as JSON, of the further fields of a request, a message, a tool call or a delta.
pub const MAX_EXTRA_BYTES: usize = 64 * 1024;

/// Further fields of the OpenAI dialect that we do not read ourselves, as they came.
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// A call of a tool by the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// The model's id for the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments as JSON text, as the model wrote them.
    pub arguments: String,
    /// What else the provider says of the call and wants back with it, such as `extra_content` with the signature of
    /// Gemini's thoughts. A call that holds `custom` here is of that type instead of `function`: its input is text, and
    /// stands in `arguments` as it is.
    pub extra: Extra,
}

/// One message of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptMessage {
    /// Who speaks.
    pub role: PromptRole,
    /// What is said.
    pub text: String,
    /// Tools that an assistant message calls.
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool message answers.
    pub tool_call_id: Option<String>,
    /// What else the client says of the message, such as its `name`, or the `reasoning_content` of an answer that a
    /// provider wants back. Where `content` is among it, the text came in parts that hold more than their text (such as
    /// marks for a cache), and is sent on as these.
    pub extra: Extra,
}

impl PromptMessage {
    /// A message of text alone.
    pub fn text(role: PromptRole, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), tool_calls: Vec::new(), tool_call_id: None, extra: Extra::new() }
    }
}

/// A retrieved passage that an answer may cite by its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Its number in the prompt, from 1.
    pub number: u32,
    /// The chunk.
    pub chunk_id: ChunkId,
    /// Its source.
    pub source_id: SourceId,
    /// The source's file name, for people.
    pub filename: String,
    /// The page, from 1, where the format has pages.
    pub page: Option<u32>,
    /// The headings above it, outermost first.
    pub heading_path: Vec<String>,
    /// Its text.
    pub content: String,
}

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatRequest {
    /// The provider's name of the model.
    pub model: String,
    /// The whole prompt, passages fenced inside it.
    pub messages: Vec<PromptMessage>,
    /// The same passages as data, for models that are no language models.
    pub passages: Vec<Passage>,
    /// How it is to answer.
    pub options: ChatOptions,
}

/// How a model is to answer; what is not given is the provider's choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatOptions {
    /// Most tokens of the answer.
    pub max_output_tokens: Option<u32>,
    /// Sampling temperature.
    pub temperature: Option<f32>,
    /// Nucleus sampling.
    pub top_p: Option<f32>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// Further fields (`tools`, `response_format`, `seed` …), passed on as they came.
    pub extra: Extra,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatDelta {
    /// A piece of the model's reasoning.
    Reasoning(String),
    /// A piece of the answer's text.
    Text(String),
    /// A whole call of a tool (put together from its pieces).
    ToolCall(ToolCall),
    /// Further fields of the answer.
    Extra(AnswerExtra),
    /// Why the model stopped: `stop`, `length`, `tool_calls`, `content_filter` or the provider's own.
    Finished(String),
    /// The provider's count of tokens; may come more than once, the last counts.
    Usage(TokenUsage),
    /// More was said than the last count tells of: it counts no more.
    UsageOutdated,
}

impl ChatDelta {
    /// The door for what a model says: whatever comes in through it can be kept, so nobody behind it checks again.
    /// Text loses its NULs, names and reasons are cut to [`text::MAX_TOLD_BYTES`], a count that nobody can have
    /// counted is left out. `None`: nothing is left of it.
    #[must_use]
    pub fn let_in(self) -> Option<Self> {
        match self {
            Self::Text(said) => Some(text::told(said)).filter(|said| !said.is_empty()).map(Self::Text),
            Self::Reasoning(said) => Some(text::told(said)).filter(|said| !said.is_empty()).map(Self::Reasoning),
            Self::ToolCall(ToolCall { id, name, arguments, extra }) => Some(Self::ToolCall(ToolCall {
                id: text::told_briefly(id),
                name: text::told_briefly(name),
                arguments: text::told(arguments),
                extra: text::told_fields(extra, MAX_EXTRA_BYTES),
            })),
            Self::Extra(extra) => Some(extra.let_in()).filter(|extra| !extra.is_empty()).map(Self::Extra),
            Self::Finished(reason) => Some(Self::Finished(text::told_briefly(reason))),
            Self::Usage(usage) => usage.told().map(Self::Usage),
            Self::UsageOutdated => Some(self),
        }
    }
}

/// The answer as it comes. It ends after the last delta or the first error.
pub type ChatStream = BoxStream<'static, Result<ChatDelta, GatewayError>>;

/// What kind of failure a gateway met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayErrorKind {
    /// It cannot be reached (refused, no such host, TLS).
    Unreachable,
    /// It did not answer in time.
    Timeout,
    /// It refused the credentials.
    Unauthorized,
    /// It knows no such model.
    UnknownModel,
    /// It refused the request as such.
    InvalidRequest,
    /// It refused the request because the model's context does not hold it.
    ContextLength,
    /// It refused what the request holds, by its rules on content.
    ContentFilter,
    /// It asks to wait.
    RateLimited,
    /// It failed by itself (5xx).
    Failed,
    /// It said something that is not its protocol.
    Protocol,
    /// The connection broke in the middle of an answer.
    Interrupted,
    /// The guarded egress client refused the address.
    Forbidden,
}

impl GatewayErrorKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Unreachable,
        Self::Timeout,
        Self::Unauthorized,
        Self::UnknownModel,
        Self::InvalidRequest,
        Self::ContextLength,
        Self::ContentFilter,
        Self::RateLimited,
        Self::Failed,
        Self::Protocol,
        Self::Interrupted,
        Self::Forbidden,
    ];

    /// Whether a provider may charge for a call that failed so before a word came: it did not refuse it, but its answer was
    /// lost.
    #[must_use]
    pub const fn may_be_charged(self) -> bool {
        matches!(self, Self::Timeout | Self::Interrupted)
    }

    /// The stable code of the kind.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "upstream_unreachable",
            Self::Timeout => "upstream_timeout",
            Self::Unauthorized => "upstream_unauthorized",
            Self::UnknownModel => "upstream_unknown_model",
            Self::InvalidRequest => "upstream_invalid_request",
            // Words that clients of OpenAI know, who shorten their prompt, or tell their user.
            Self::ContextLength => "context_length_exceeded",
            Self::ContentFilter => "content_filter",
            Self::RateLimited => "upstream_rate_limited",
            Self::Failed => "upstream_failed",
            Self::Protocol => "upstream_protocol",
            Self::Interrupted => "upstream_interrupted",
            Self::Forbidden => "upstream_forbidden",
        }
    }

    /// Whether the same call may succeed a moment later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Unreachable | Self::Timeout | Self::RateLimited | Self::Failed | Self::Interrupted)
    }
}

/// A failure of a model, an embedder or another service over the wire.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct GatewayError {
    /// What kind of failure.
    pub kind: GatewayErrorKind,
    /// A sentence for the user that says what to do; holds no secret and no address.
    pub message: String,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl GatewayError {
    /// An error of `kind` with a sentence for the user.
    pub fn new(kind: GatewayErrorKind, message: impl Into<String>) -> Self {
        // It may quote what the service said.
        Self { kind, message: text::told_briefly(message.into()), retry_after: None, source: None }
    }

    /// The same with its cause, for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// A provider's models behind one connection.
#[async_trait]
pub trait ChatModel: Send + Sync + 'static {
    /// Asks a model. Errors before the first delta come as the outer error (and may have been
    /// retried); later ones end the stream.
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, GatewayError>;
}

/// A model that can be named in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDescription {
    /// Its full name.
    pub name: ModelName,
    /// When the provider says it was created, in Unix seconds; 0 when it does not.
    pub created: i64,
}

/// The configured providers.
#[async_trait]
pub trait ChatModels: Send + Sync + 'static {
    /// The models on offer. A provider that does not answer is left out, and logged.
    async fn list(&self) -> Vec<ModelDescription>;

    /// Resolves a full name, or a bare one where it is unambiguous.
    ///
    /// # Errors
    /// [`GatewayErrorKind::UnknownModel`] with a sentence that names what is on offer.
    async fn resolve(&self, name: &str) -> Result<(ModelName, Arc<dyn ChatModel>), GatewayError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_says_can_be_kept() {
        let long = "x".repeat(1_000_000);
        let extra = serde_json::json!({ "long": long, "nul\0": ["\0", { "a": "b\0" }] }).as_object().cloned().unwrap();
        let call = ToolCall { id: long.clone(), name: "a\0b".into(), arguments: "{\0}".into(), extra };
        let Some(ChatDelta::ToolCall(call)) = ChatDelta::ToolCall(call).let_in() else { panic!("a call is a call") };
        assert_eq!((call.id.len(), call.name, call.arguments), (text::MAX_TOLD_BYTES, "a b".into(), "{}".into()));
        assert_eq!(serde_json::Value::Object(call.extra), serde_json::json!({ "nul": ["", { "a": "b" }] }));
        assert_eq!(ChatDelta::Text("a\0".into()).let_in(), Some(ChatDelta::Text("a".into())));
        assert_eq!(ChatDelta::Reasoning("\0".into()).let_in(), None);
        assert_eq!(ChatDelta::Finished("st\0op".into()).let_in(), Some(ChatDelta::Finished("st op".into())));
        let usage = TokenUsage { output_tokens: 1 << 62, ..TokenUsage::default() };
        assert_eq!(ChatDelta::Usage(usage).let_in(), None);
        let error = GatewayError::new(GatewayErrorKind::Failed, format!("it says: \0{long}"));
        assert!(error.message.len() <= text::MAX_TOLD_BYTES && !error.message.contains('\0'));
    }

    #[test]
    fn names_of_models_have_bounds() {
        assert_eq!(ModelName::parse("openai/org/gpt").unwrap().model, "org/gpt");
        for (name, code) in [
            ("gpt".to_owned(), "not_a_model_name"),
            ("openai/".to_owned(), "not_a_model_name"),
            ("openai/a\0b".to_owned(), "control_character"),
            (format!("openai/{}", "x".repeat(200)), "too_long"),
        ] {
            assert_eq!(ModelName::parse(&name).unwrap_err().code, code);
        }
        let of_before = format!("openai/{}", "x".repeat(300));
        assert_eq!(ModelName::from_stored(&of_before).unwrap().to_string(), of_before);
    }
}
