//! What is answered in OpenAI's dialect: a chat completion, its chunks, and what is in them.

use app::openai::Annotation;
use domain::{
    gateways::{AnswerExtra, ToolCall},
    ids::ConversationId,
    usage::TokenUsage,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// What every answer, and every chunk of one, begins with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Head {
    pub(crate) id: String,
    /// What this is.
    pub(crate) object: &'static str,
    /// When the model was asked, in Unix seconds.
    pub(crate) created: i64,
    pub(crate) model: String,
    /// The conversation that it is kept in, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub(crate) conversation_id: Option<ConversationId>,
}

/// A chat completion. It may hold further fields of the provider's, such as `citations`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletion {
    #[serde(flatten)]
    pub(crate) head: Head,
    /// One.
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: CompletionUsage,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub(crate) further: Map<String, Value>,
}

/// The choice of a chat completion. It may hold further fields of the provider's.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Choice {
    pub(crate) index: u32,
    pub(crate) message: AnswerMessage,
    /// Not served.
    #[schema(value_type = Option<Object>)]
    pub(crate) logprobs: (),
    /// `stop`, `length`, `tool_calls`, `content_filter` or the provider's own.
    pub(crate) finish_reason: String,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub(crate) further: Map<String, Value>,
}

/// The message of an answer. It may hold further fields of the provider's, to be sent back with it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct AnswerMessage {
    /// `assistant`.
    pub(crate) role: &'static str,
    /// The text; null where tools are called and nothing is said.
    #[schema(required)]
    pub(crate) content: Option<String>,
    /// A refusal is told as the content.
    #[schema(value_type = Option<String>)]
    pub(crate) refusal: (),
    /// The reasoning, where the model shows it, under both names that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_content: Option<String>,
    /// What the marks `[n]` of the text cite.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) annotations: Vec<AnnotationBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<AnswerToolCall>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub(crate) further: Map<String, Value>,
}

/// A chunk of a streamed chat completion. It may hold further fields of the provider's.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChatCompletionChunk {
    #[serde(flatten)]
    pub(crate) head: Head,
    /// One; none in the last chunk where that counts the tokens.
    pub(crate) choices: Vec<ChunkChoice>,
    /// Where `include_usage` asks for it: null in every chunk but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CompletionUsage>)]
    pub(crate) usage: Option<Option<CompletionUsage>>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub(crate) further: Map<String, Value>,
}

/// The choice of a chunk. It may hold further fields of the provider's.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChunkChoice {
    pub(crate) index: u32,
    pub(crate) delta: Delta,
    /// Not served.
    #[schema(value_type = Option<Object>)]
    pub(crate) logprobs: (),
    /// Null in every chunk but the last one of the answer.
    #[schema(required)]
    pub(crate) finish_reason: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub(crate) further: Map<String, Value>,
}

/// What a chunk adds to the message. It may hold further fields of the provider's.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_content: Option<String>,
    /// In the last chunk of the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) annotations: Vec<AnnotationBody>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<AnswerToolCall>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    pub(crate) further: Map<String, Value>,
}

/// Further fields of an answer's choice, and of the answer itself, without those that we write ourselves.
pub(crate) fn beside(mut extra: AnswerExtra) -> (Map<String, Value>, Map<String, Value>) {
    const OF_CHOICES: &[&str] = &["index", "message", "delta", "text", "logprobs", "finish_reason"];
    const OF_ANSWERS: &[&str] = &["id", "object", "created", "model", "choices", "usage", "conversation_id", "error"];
    extra.choice.retain(|name, _| !OF_CHOICES.contains(&name.as_str()));
    extra.answer.retain(|name, _| !OF_ANSWERS.contains(&name.as_str()));
    (extra.choice, extra.answer)
}

/// Further fields of a message, without those that we write ourselves: a provider overrides none of them.
pub(crate) fn further(mut fields: Map<String, Value>, ours: &[AnnotationBody]) -> Map<String, Value> {
    const WRITTEN: &[&str] = &["role", "content", "refusal", "reasoning", "reasoning_content", "tool_calls"];
    fields.retain(|name, _| !WRITTEN.contains(&name.as_str()) && (ours.is_empty() || name != "annotations"));
    fields
}

/// A call of a tool. It may hold further fields of the provider's, to be sent back with it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnswerToolCall {
    /// Its place among the calls of the answer, in a chunk.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<usize>,
    id: String,
    /// `function`, or `custom` with a field of that name.
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<AnswerFunction>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    further: Map<String, Value>,
}

/// The function of a tool call.
#[derive(Debug, Serialize, ToSchema)]
struct AnswerFunction {
    name: String,
    /// JSON as a text, as the model wrote it.
    arguments: String,
}

impl AnswerToolCall {
    /// A call, with its place where it is told in a chunk.
    pub(crate) fn new(call: ToolCall, index: Option<usize>) -> Self {
        let ToolCall { id, name, arguments, extra: mut further } = call;
        for written in ["index", "id", "type", "function"] {
            further.remove(written);
        }
        if further.contains_key("custom") {
            return Self { index, id, kind: "custom", function: None, further };
        }
        Self { index, id, kind: "function", function: Some(AnswerFunction { name, arguments }), further }
    }
}

/// What a mark of the text cites, in the one form of annotations that clients know, with more in it than they know.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnnotationBody {
    /// `url_citation`.
    #[serde(rename = "type")]
    kind: &'static str,
    url_citation: UrlCitation,
}

/// A cited passage of a document. Those that a provider makes itself have less.
#[derive(Debug, Serialize, ToSchema)]
struct UrlCitation {
    /// First Unicode scalar value of the mark in the text.
    #[schema(required = false)]
    start_index: u32,
    /// One past the last.
    #[schema(required = false)]
    end_index: u32,
    /// The file's name.
    #[schema(required = false)]
    title: String,
    /// Its source, on this server.
    url: String,
    /// The number in the mark.
    #[schema(required = false)]
    index: u32,
    #[schema(required = false)]
    filename: String,
    #[schema(required = false)]
    source_id: Uuid,
    #[schema(required = false)]
    chunk_id: Uuid,
    /// The page, from 1, where the format has pages.
    page: Option<u32>,
    /// The words that the answer leans on, as they stand in the document.
    #[schema(required = false)]
    quote: String,
}

impl AnnotationBody {
    /// An annotation for a client that reaches us at `base`, the path before `/v1`.
    pub(crate) fn new(Annotation { start, end, cited }: Annotation, base: &str) -> Self {
        let url_citation = UrlCitation {
            start_index: start,
            end_index: end,
            title: cited.filename.clone(),
            url: format!("{base}/api/v1/sources/{}", cited.source_id.0),
            index: cited.index,
            filename: cited.filename,
            source_id: cited.source_id.0,
            chunk_id: cited.chunk_id.0,
            page: cited.page,
            quote: cited.quote,
        };
        Self { kind: "url_citation", url_citation }
    }
}

/// Tokens, as OpenAI counts them out.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct CompletionUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptTokensDetails,
    completion_tokens_details: CompletionTokensDetails,
}

/// Tokens read, by kind; 0 where it is not known.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct PromptTokensDetails {
    cached_tokens: u64,
}

/// Tokens written, by kind; 0 where it is not known.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct CompletionTokensDetails {
    reasoning_tokens: u64,
}

impl From<TokenUsage> for CompletionUsage {
    fn from(usage: TokenUsage) -> Self {
        Self {
            prompt_tokens: usage.input_tokens,
            completion_tokens: usage.output_tokens,
            total_tokens: usage.total(),
            prompt_tokens_details: PromptTokensDetails { cached_tokens: usage.cached_input_tokens },
            completion_tokens_details: CompletionTokensDetails { reasoning_tokens: usage.reasoning_tokens },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_provider_adds_fields_and_overrides_none() {
        let hostile = fields(json!({ "role": "system", "content": "other", "refusal": "no", "tool_calls": [],
            "reasoning": "x", "reasoning_content": "y", "annotations": [1], "reasoning_details": [{ "signature": "s" }] }));
        let kept = further(hostile.clone(), &[]);
        assert_eq!(Value::Object(kept), json!({ "annotations": [1], "reasoning_details": [{ "signature": "s" }] }));
        let message = AnswerMessage {
            role: "assistant",
            content: Some("ours".to_owned()),
            further: further(hostile, &[]),
            ..AnswerMessage::default()
        };
        let expected = json!({ "role": "assistant", "content": "ours", "refusal": null, "annotations": [1],
            "reasoning_details": [{ "signature": "s" }] });
        assert_eq!(json!(message), expected);
    }

    #[test]
    fn a_call_is_told_with_what_belongs_to_it() {
        let extra = fields(json!({ "extra_content": { "google": 1 }, "type": "x", "id": "y", "index": 9 }));
        let (id, name, arguments) = ("c1".to_owned(), "f".to_owned(), "{}".to_owned());
        let call = ToolCall { id: id.clone(), name: name.clone(), arguments: arguments.clone(), extra };
        let expected = json!({ "index": 0, "id": "c1", "type": "function", "extra_content": { "google": 1 },
            "function": { "name": "f", "arguments": "{}" } });
        assert_eq!(json!(AnswerToolCall::new(call, Some(0))), expected);
        let extra = fields(json!({ "custom": { "name": "f", "input": "ls" } }));
        let custom = ToolCall { id, name, arguments, extra };
        let expected = json!({ "id": "c1", "type": "custom", "custom": { "name": "f", "input": "ls" } });
        assert_eq!(json!(AnswerToolCall::new(custom, None)), expected);
    }
}
