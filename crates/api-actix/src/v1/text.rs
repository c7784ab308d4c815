//! Completions of a text, as OpenAI had them before chats: a prompt goes to the model as the message of a user.

use actix_web::{HttpResponse, web::Bytes};
use app::openai::{self, Annotation, Completion, dialect};
use domain::{
    error::ValueError,
    gateways::{ChatDelta, ChatOptions, ChatRequest, PromptMessage, PromptRole},
    text::{self, MAX_TEXT_BYTES},
    usage::TokenUsage,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    answer::{CompletionUsage, Head},
    chunks::{Form, respond},
    errors::ErrorResponse,
    request::{OneOrMany, StreamOptions, token_limit},
};
use crate::{authorize::ActorRequest, body::Json, error::HandlerResult, route::LISTED, sse};

/// A completion of a text that is asked for. Other fields go to the provider, as those of a chat completion.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "model": "openai/gpt-4.1-mini", "prompt": "Say hello." }))]
pub(crate) struct TextCompletionRequest {
    /// `<provider>/<model>`, or a bare name where it is unambiguous.
    model: String,
    /// One text, by itself or in a list. Ids of tokens are not read.
    #[serde(default)]
    #[schema(value_type = OneOrMany, required)]
    prompt: Value,
    /// Answer as an event stream.
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    /// Most tokens of the answer; -1 stands for no limit of ours.
    #[serde(default, deserialize_with = "token_limit")]
    #[schema(value_type = Option<i64>, minimum = -1, maximum = 4_294_967_295_i64)]
    max_tokens: Option<u32>,
    #[serde(default)]
    temperature: Option<f32>,
    #[serde(default)]
    top_p: Option<f32>,
    /// Texts at which the answer ends.
    #[serde(default)]
    stop: Option<OneOrMany>,
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Value>)]
    other: Map<String, Value>,
}

/// A completion of a text, or a chunk of one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TextCompletion {
    #[serde(flatten)]
    head: Head,
    /// One; none in the last chunk where that counts the tokens.
    choices: Vec<TextChoice>,
    /// Of a chunk, where `include_usage` asks for it: null in every one but the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<CompletionUsage>)]
    usage: Option<Option<CompletionUsage>>,
}

/// The choice of a completion of a text.
#[derive(Debug, Serialize, ToSchema)]
struct TextChoice {
    text: String,
    index: u32,
    /// Not served.
    #[schema(value_type = Option<Object>)]
    logprobs: (),
    /// Null in every chunk but the last one of the answer.
    #[schema(required)]
    finish_reason: Option<String>,
}

impl TextCompletionRequest {
    fn into_request(mut self) -> Result<ChatRequest, ValueError> {
        // What a chat does not have, with the value that asks for nothing.
        for (field, nothing) in [("suffix", json!("")), ("echo", json!(false)), ("best_of", json!(1))] {
            if self.other.remove(field).is_some_and(|value| !value.is_null() && value != nothing) {
                return Err(ValueError::new(field, "not_supported", "is not served; leave it out"));
            }
        }
        Ok(ChatRequest {
            messages: vec![PromptMessage::text(PromptRole::User, prompt_of(self.prompt)?)],
            options: ChatOptions {
                max_output_tokens: self.max_tokens,
                temperature: self.temperature,
                top_p: self.top_p,
                stop: self.stop.map(OneOrMany::into_texts).unwrap_or_default(),
                extra: dialect::passed_on(self.other)?,
            },
            ..ChatRequest::default()
        })
    }
}

/// The one text of a prompt.
fn prompt_of(prompt: Value) -> Result<String, ValueError> {
    let refused = |code, message| Err(ValueError::new("prompt", code, message));
    let one = match prompt {
        Value::Array(mut items) if items.len() == 1 => items.remove(0),
        other => other,
    };
    match one {
        Value::Null => refused("missing", "is missing"),
        Value::String(prompt) => text::free("prompt", &prompt, MAX_TEXT_BYTES),
        Value::Array(items) if items.len() > 1 && items.iter().all(Value::is_string) => {
            refused("not_supported", "must be one text; send a request for each")
        }
        Value::Array(_) | Value::Number(_) => refused("not_supported", "must be a text; ids of tokens are not read"),
        Value::Bool(_) | Value::Object(_) => refused("wrong_type", "must be a text, or a list of one text"),
    }
}

/// Completes a text, at once or as it is written. For clients that know nothing newer.
#[utoipa::path(trace, path = LISTED,
    responses((status = 200, description = "the answer, or its chunks as an event stream",
            content((TextCompletion = "application/json"), (TextCompletion = "text/event-stream"))),
        (status = 400, description = "a value breaks a rule, or the provider refuses it", body = ErrorResponse)))]
pub(crate) async fn complete_text(request: ActorRequest, body: Json<TextCompletionRequest>) -> HandlerResult {
    let wanted = body.value;
    let stream = wanted.stream.unwrap_or_default();
    let include_usage = StreamOptions::include_usage(wanted.stream_options.as_ref());
    let model = wanted.model.clone();
    let asked = openai::ChatCompletion { model, request: wanted.into_request()?, ..Default::default() };
    if stream {
        return respond(request, asked, move |completion| TextForm { head: head(completion), include_usage }).await;
    }
    let mut completion = request.app.openai().complete(&request.actor, asked).await?;
    let head = head(&completion);
    let answer = completion.whole().await?;
    let choice = TextChoice { text: answer.text, index: 0, logprobs: (), finish_reason: Some(answer.finish_reason) };
    let usage = Some(Some(answer.usage.into()));
    Ok(HttpResponse::Ok().json(TextCompletion { head, choices: vec![choice], usage }))
}

fn head(completion: &Completion) -> Head {
    Head {
        id: format!("cmpl-{}", completion.request_id.0.simple()),
        object: "text_completion",
        created: completion.created.timestamp(),
        model: completion.model.to_string(),
        conversation_id: None,
    }
}

/// Chunks of a completion of a text, which tell of nothing but text.
struct TextForm {
    head: Head,
    include_usage: bool,
}

impl TextForm {
    fn chunk(&self, text: String, finish_reason: Option<String>) -> Bytes {
        let choices = vec![TextChoice { text, index: 0, logprobs: (), finish_reason }];
        sse::data(&TextCompletion { head: self.head.clone(), choices, usage: self.include_usage.then_some(None) })
    }
}

impl Form for TextForm {
    fn begin(&mut self) -> Option<Bytes> {
        None
    }

    fn piece(&mut self, delta: ChatDelta) -> Option<Bytes> {
        match delta {
            ChatDelta::Text(text) => Some(self.chunk(text, None)),
            _ => None,
        }
    }

    fn end(&mut self, finish_reason: String, _annotations: Vec<Annotation>) -> Bytes {
        self.chunk(String::new(), Some(finish_reason))
    }

    fn usage(&mut self, usage: TokenUsage) -> Option<Bytes> {
        let (head, usage) = (self.head.clone(), self.include_usage.then(|| Some(usage.into())));
        usage.map(|usage| sse::data(&TextCompletion { head, choices: Vec::new(), usage: Some(usage) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(mut body: Value) -> Result<ChatRequest, (String, &'static str)> {
        body["model"] = json!("m");
        let request = crate::body::parse::<TextCompletionRequest>(body.to_string().as_bytes()).unwrap();
        request.into_request().map_err(|error| (error.field, error.code))
    }

    #[test]
    fn a_prompt_is_one_text() {
        for prompt in [json!("Say hello."), json!(["Say hello."])] {
            let request = asked(json!({ "prompt": prompt, "suffix": null, "echo": false, "best_of": 1, "n": 1,
                "logprobs": null, "seed": 7, "stop": ["."] }))
            .unwrap();
            assert_eq!(request.messages, [PromptMessage::text(PromptRole::User, "Say hello.")]);
            assert_eq!(
                (request.options.extra, request.options.stop),
                (Map::from_iter([("seed".into(), json!(7))]), vec![".".to_owned()])
            );
        }
        for (prompt, code) in [
            (Value::Null, "missing"),
            (json!([]), "not_supported"),
            (json!(["a", "b"]), "not_supported"),
            (json!([15339, 11]), "not_supported"),
            (json!([15339]), "not_supported"),
            (json!([[15339, 11]]), "not_supported"),
            (json!({ "text": "a" }), "wrong_type"),
        ] {
            assert_eq!(asked(json!({ "prompt": prompt })).unwrap_err(), ("prompt".to_owned(), code), "{prompt}");
        }
    }

    #[test]
    fn what_a_chat_does_not_have_is_refused() {
        for (field, value) in [
            ("suffix", json!("end")),
            ("echo", json!(true)),
            ("best_of", json!(3)),
            ("n", json!(2)),
            ("logprobs", json!(5)),
            ("logprobs", json!(0)),
        ] {
            let error = asked(json!({ "prompt": "a", field: value })).unwrap_err();
            assert_eq!(error, (field.to_owned(), "not_supported"));
        }
    }
}
