//! What is asked for in OpenAI's dialect, as clients really write it.

use app::openai::dialect;
use domain::{
    error::ValueError,
    gateways::{ChatOptions, ChatRequest, Extra, PromptMessage, ToolCall},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::openapi::values::{ModelName, PromptRoleName};

/// A chat completion that is asked for. Other fields (`tools`, `response_format`, `seed`, `top_k` …) go to the provider
/// as they came, up to 64 KiB together without `tools`, `functions`, `response_format` and `prediction`. Those that tell
/// who asks do not: `user`, `metadata` and `safety_identifier`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "model": "banyan/extractive", "messages": [{ "role": "user", "content": "Hello" }] }))]
pub(crate) struct ChatCompletionRequest {
    /// `<provider>/<model>`, or a bare name where it is unambiguous.
    #[schema(value_type = ModelName)]
    pub(crate) model: String,
    #[schema(min_items = 1, max_items = 2000)]
    messages: Vec<RequestMessage>,
    /// Answer as an event stream.
    #[serde(default)]
    pub(crate) stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    /// Most tokens of the answer; -1 stands for no limit of ours.
    #[serde(default, deserialize_with = "token_limit")]
    #[schema(value_type = Option<i64>, minimum = -1, maximum = 4_294_967_295_i64)]
    max_tokens: Option<u32>,
    /// The newer name of `max_tokens`.
    #[serde(default, deserialize_with = "token_limit")]
    #[schema(value_type = Option<i64>, minimum = -1, maximum = 4_294_967_295_i64)]
    max_completion_tokens: Option<u32>,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    top_p: Option<f32>,
    /// Texts at which the answer ends.
    #[serde(default)]
    stop: Option<OneOrMany>,
    /// Keep the messages and the answer as a conversation of their own (default false).
    #[serde(default)]
    pub(crate) store: Option<bool>,
    /// Send the last user message under the head of this conversation, and ignore the rest.
    #[serde(default)]
    pub(crate) conversation_id: Option<Uuid>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    other: Map<String, Value>,
}

/// What an event stream holds beside the answer.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct StreamOptions {
    /// End with a chunk that counts the tokens.
    #[serde(default)]
    pub(crate) include_usage: Option<bool>,
}

/// One text, or several.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged, expecting = "must be a text, or a list of texts")]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_texts(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// A message of a prompt. Other fields (`name`, `reasoning_content`, `reasoning_details` …) go to the provider as they
/// came, up to 64 KiB together without the three that hold reasoning; `annotations` stay.
#[derive(Debug, Deserialize, ToSchema)]
struct RequestMessage {
    #[schema(value_type = PromptRoleName)]
    role: String,
    /// What it says.
    #[serde(default)]
    #[schema(value_type = Option<MessageContent>)]
    content: Value,
    /// The tools that an answer called.
    #[serde(default)]
    tool_calls: Option<Vec<RequestToolCall>>,
    /// The call that a message of a tool answers.
    #[serde(default)]
    tool_call_id: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    other: Map<String, Value>,
}

/// A text, or parts that are put together without anything in between.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the content in the OpenAPI document")]
enum MessageContent {
    Text(String),
    Parts(Vec<ContentPart>),
}

/// A part of a message: `text` (also `input_text` and `output_text`), or `refusal`. Other parts (`image_url`,
/// `input_audio`, `file`, `thinking` …) go to the provider as they came, up to 64 in a message. An address in one begins with
/// `https://` or `data:`; this server opens none. What is kept as a conversation has no such parts yet.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part in the OpenAPI document")]
struct ContentPart {
    #[schema(rename = "type")]
    kind: String,
    text: Option<String>,
    refusal: Option<String>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    other: Map<String, Value>,
}

/// A call of a tool that an answer made: of the type `function`, or `custom` with a field of that name.
#[derive(Debug, Deserialize, ToSchema)]
struct RequestToolCall {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<RequestFunction>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    other: Map<String, Value>,
}

/// The function of a tool call.
#[derive(Debug, Deserialize, ToSchema)]
struct RequestFunction {
    name: String,
    /// JSON as a text; where it is none, its JSON is taken.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    arguments: Value,
}

/// A number of tokens, or `None` for no limit: null, and the -1 of clients that were written for llama.cpp.
pub(crate) fn token_limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match Option::<i64>::deserialize(deserializer)? {
        None | Some(-1) => Ok(None),
        Some(tokens) => u32::try_from(tokens).map(Some).map_err(|_| {
            let most = u32::MAX;
            D::Error::custom(format!("must be a whole number from 0 to {most}, or -1 for no limit"))
        }),
    }
}

impl StreamOptions {
    pub(crate) fn include_usage(options: Option<&Self>) -> bool {
        options.and_then(|options| options.include_usage).unwrap_or_default()
    }
}

impl ChatCompletionRequest {
    pub(crate) fn include_usage(&self) -> bool {
        StreamOptions::include_usage(self.stream_options.as_ref())
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
                stop: self.stop.map(OneOrMany::into_texts).unwrap_or_default(),
                extra: dialect::passed_on(self.other)?,
            },
            ..ChatRequest::default()
        })
    }
}

impl RequestMessage {
    fn into_prompt(self, index: usize) -> Result<PromptMessage, ValueError> {
        let role = dialect::prompt_role(index, &self.role)?;
        let content = dialect::prompt_content(index, self.content)?;
        let mut extra = dialect::message_fields(index, self.other, content.further)?;
        if let Some(parts) = content.parts {
            extra.insert("content".to_owned(), parts);
        }
        let calls = self.tool_calls.unwrap_or_default().into_iter().enumerate();
        let calls = calls.map(|(number, call)| call.into_call(&format!("messages/{index}/tool_calls/{number}")));
        Ok(PromptMessage {
            role,
            text: content.text,
            tool_calls: calls.collect::<Result<_, _>>()?,
            tool_call_id: self.tool_call_id,
            extra,
        })
    }
}

impl RequestToolCall {
    fn into_call(self, place: &str) -> Result<ToolCall, ValueError> {
        let Self { id, function, mut other } = self;
        // What it is follows from what it holds, and `index` is of the chunk that it came in.
        for of_the_answer in ["type", "index"] {
            other.remove(of_the_answer);
        }
        let mut extra = dialect::call_fields(place, other)?;
        let (name, arguments) = match function {
            Some(RequestFunction { name, arguments }) => {
                extra.remove("custom");
                (name, arguments_of(arguments))
            }
            None => custom(&extra).ok_or_else(|| {
                ValueError::new(
                    format!("{place}/function"),
                    "missing",
                    "is missing; a call of another type is 'custom'",
                )
            })?,
        };
        Ok(ToolCall { id: id.unwrap_or_default(), name, arguments, extra })
    }
}

/// Name and input of a call of the type `custom`.
fn custom(extra: &Extra) -> Option<(String, String)> {
    let custom = extra.get("custom")?;
    Some((custom.get("name")?.as_str()?.to_owned(), arguments_of(custom.get("input").cloned().unwrap_or_default())))
}

/// Arguments as the text that they are sent as: nothing is none, and what is no text is written as its JSON.
fn arguments_of(arguments: Value) -> String {
    match arguments {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use domain::gateways::PromptRole;
    use serde_json::json;

    use super::*;
    use crate::{body::parse, error::ApiError};

    /// The request that a body asks for, or its error in OpenAI's words.
    fn asked(body: Value) -> Result<ChatRequest, Value> {
        let told = |error: ApiError| json!(error.openai().error);
        let request = parse::<ChatCompletionRequest>(body.to_string().as_bytes()).map_err(told)?;
        request.into_request().map_err(|error| told(error.into()))
    }

    fn saying(field: &str, value: Value) -> Value {
        let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }] });
        body[field] = value;
        body
    }

    fn message(message: Value) -> Result<PromptMessage, Value> {
        let request = asked(json!({ "model": "m", "messages": [{ "role": "user", "content": "a" }, message] }))?;
        Ok(request.messages[1].clone())
    }

    #[test]
    fn what_says_nothing_is_as_if_it_were_not_there() {
        for field in [
            "max_tokens",
            "max_completion_tokens",
            "temperature",
            "top_p",
            "stop",
            "stream",
            "stream_options",
            "store",
            "conversation_id",
            "tools",
            "seed",
            "n",
        ] {
            assert_eq!(asked(saying(field, Value::Null)).unwrap().options, ChatOptions::default(), "{field}");
        }
        for (field, value) in [
            ("max_tokens", json!(-1)),
            ("max_completion_tokens", json!(-1.0)),
            ("stop", json!([])),
            ("tools", json!([])),
            ("stream_options", json!({})),
        ] {
            assert_eq!(asked(saying(field, value)).unwrap().options, ChatOptions::default(), "{field}");
        }
    }

    #[test]
    fn numbers_are_numbers_however_they_are_written() {
        let most = |field, value| asked(saying(field, value)).unwrap().options.max_output_tokens;
        assert_eq!(most("max_tokens", json!(256.0)), Some(256));
        assert_eq!(most("max_completion_tokens", json!(256)), Some(256));
        assert_eq!(asked(saying("temperature", json!(1))).unwrap().options.temperature, Some(1.0));
        assert_eq!(asked(saying("top_p", json!(0.5))).unwrap().options.top_p, Some(0.5));
        assert_eq!(asked(saying("stop", json!("END"))).unwrap().options.stop, ["END"]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_in_plain_words() {
        let user = json!([{ "role": "user", "content": "a" }]);
        for (body, param, code, message) in [
            (json!({ "messages": user }), json!("model"), "missing", "model is missing"),
            (json!({ "model": "m" }), json!("messages"), "missing", "messages is missing"),
            (
                json!({ "model": null, "messages": user }),
                json!("model"),
                "wrong_type",
                "model must be a text, and is null",
            ),
            (
                json!({ "model": 7, "messages": user }),
                json!("model"),
                "wrong_type",
                "model must be a text, and is a number",
            ),
            (
                json!({ "model": "m", "messages": "no list" }),
                json!("messages"),
                "wrong_type",
                "messages must be a list, and is a text",
            ),
            (
                json!({ "model": "m", "messages": ["a"] }),
                json!("messages[0]"),
                "wrong_type",
                "messages[0] must be an object, and is a text",
            ),
            (
                json!({ "model": "m", "messages": [{ "content": "a" }] }),
                json!("messages[0].role"),
                "missing",
                "messages[0].role is missing",
            ),
            (
                json!({ "model": "m", "messages": [{ "role": "robot" }] }),
                json!("messages[0].role"),
                "unknown_role",
                "messages[0].role must be one of system, user, assistant, tool, function, developer",
            ),
            (json!([]), Value::Null, "wrong_type", "the body must be an object, and is a list"),
            (
                saying("max_tokens", json!(-2)),
                json!("max_tokens"),
                "wrong_value",
                "max_tokens must be a whole number from 0 to 4294967295, or -1 for no limit",
            ),
            (
                saying("max_tokens", json!("many")),
                json!("max_tokens"),
                "wrong_type",
                "max_tokens must be a whole number, and is a text",
            ),
            (saying("max_tokens", json!(1.5)), json!("max_tokens"), "wrong_type", "max_tokens must be a whole number"),
            (
                saying("temperature", json!("hot")),
                json!("temperature"),
                "wrong_type",
                "temperature must be a number, and is a text",
            ),
            (
                saying("stream", json!("true")),
                json!("stream"),
                "wrong_type",
                "stream must be true or false, and is a text",
            ),
            (saying("stop", json!([1])), json!("stop"), "wrong_value", "stop must be a text, or a list of texts"),
            (
                saying("conversation_id", json!("seven")),
                json!("conversation_id"),
                "wrong_value",
                "conversation_id must be a UUID, such as 0191e7a4-5f1c-7c4e-9d3b-2f6a8c0d1e2f",
            ),
            (
                saying("n", json!(2)),
                json!("n"),
                "not_supported",
                "n must be 1: one choice is served; send the request again for another",
            ),
        ] {
            let error = asked(body.clone()).unwrap_err();
            let expected = json!({ "message": message, "type": "invalid_request_error", "param": param, "code": code });
            assert_eq!(error, expected, "{body}");
        }
    }

    #[test]
    fn a_message_holds_what_it_came_with() {
        let given = json!({ "role": "assistant", "content": null, "reasoning_content": "hm",
            "reasoning_details": [{ "signature": "s" }], "refusal": null, "function_call": { "name": "f" },
            "tool_calls": [{ "index": 0, "id": "c1", "type": "function", "extra_content": { "google": 1 },
                "function": { "name": "f", "arguments": "{}" } }] });
        let extra = json!({ "reasoning_content": "hm", "reasoning_details": [{ "signature": "s" }],
            "function_call": { "name": "f" } });
        let found = message(given).unwrap();
        assert_eq!((found.role, found.text.as_str(), Value::Object(found.extra)), (PromptRole::Assistant, "", extra));
        let call_extra = json!({ "extra_content": { "google": 1 } }).as_object().cloned().unwrap();
        let (id, name, arguments) = ("c1".to_owned(), "f".to_owned(), "{}".to_owned());
        assert_eq!(found.tool_calls, [ToolCall { id, name, arguments, extra: call_extra }]);
        let result = message(json!({ "role": "function", "name": "f", "content": "4" })).unwrap();
        assert_eq!((result.role, result.extra["name"].clone()), (PromptRole::Function, json!("f")));
        let marked = json!([{ "type": "text", "text": "a", "cache_control": { "type": "ephemeral" } }]);
        let found = message(json!({ "role": "user", "content": marked })).unwrap();
        assert_eq!((found.text.as_str(), &found.extra["content"]), ("a", &marked));
    }

    #[test]
    fn arguments_of_calls_become_text() {
        let call = |call: Value| message(json!({ "role": "assistant", "tool_calls": [call] }));
        for (arguments, text) in
            [(json!("{}"), "{}"), (Value::Null, ""), (json!({ "city": "Oslo" }), r#"{"city":"Oslo"}"#)]
        {
            let found = call(json!({ "id": "c1", "function": { "name": "f", "arguments": arguments } })).unwrap();
            assert_eq!(found.tool_calls[0].arguments, text);
        }
        assert_eq!(call(json!({ "function": { "name": "f" } })).unwrap().tool_calls[0].arguments, "");
        let custom =
            call(json!({ "id": "c1", "type": "custom", "custom": { "name": "shell", "input": "ls" } })).unwrap();
        let found = &custom.tool_calls[0];
        assert_eq!((found.name.as_str(), found.arguments.as_str()), ("shell", "ls"));
        assert!(found.extra.contains_key("custom") && !found.extra.contains_key("type"));
        for (wrong, param) in [
            (json!({ "id": "c1" }), "messages[1].tool_calls[0].function"),
            (json!({ "id": "c1", "type": "custom", "custom": {} }), "messages[1].tool_calls[0].function"),
            (json!({ "id": "c1", "function": { "arguments": "" } }), "messages[1].tool_calls[0].function.name"),
            (json!({ "id": 7, "function": { "name": "f" } }), "messages[1].tool_calls[0].id"),
        ] {
            assert_eq!(call(wrong.clone()).unwrap_err()["param"], param, "{wrong}");
        }
    }
}
