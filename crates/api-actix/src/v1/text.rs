//! Completions of a text, as OpenAI had them before chats: a prompt goes to the model as the message of a user.

use actix_web::{HttpResponse, web::Bytes};
use app::openai::{self, Annotation, Completion, dialect};
use domain::{
    error::ValueError,
    gateways::{ChatDelta, ChatOptions, ChatRequest, PromptMessage, PromptRole},
    text::{self, MAX_TEXT_BYTES},
    usage::TokenUsage,
};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{
    answer::{CompletionUsage, Head},
    chunks::{Form, respond},
    errors::ErrorResponse,
    request::{OneOrMany, StreamOptions, token_limit},
};
use crate::{authorize::ActorRequest, body::Json, error::HandlerResult, openapi::values::Prompts, route::LISTED, sse};

/// Most prompts of a request.
pub(crate) const MAX_PROMPTS: usize = 64;
/// How many of them are answered at once.
const PROMPTS_AT_ONCE: usize = 4;

/// A completion of a text that is asked for. Other fields go to the provider, as those of a chat completion.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "model": "openai/gpt-4.1-mini", "prompt": "Say hello." }))]
pub(crate) struct TextCompletionRequest {
    /// `<provider>/<model>`, or a bare name where it is unambiguous.
    model: String,
    /// A text, or up to 64 of them, each of which is answered by a choice with its index. Ids of tokens are not read.
    #[serde(default)]
    #[schema(value_type = Prompts, required)]
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
    /// One for each prompt; one in a chunk, and none in the last chunk where that counts the tokens.
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
    /// What the model is asked, once for each prompt.
    fn into_requests(mut self) -> Result<Vec<ChatRequest>, ValueError> {
        // What a chat does not have, with the value that asks for nothing.
        for (field, nothing) in [("suffix", json!("")), ("echo", json!(false))] {
            if self.other.remove(field).is_some_and(|value| !value.is_null() && value != nothing) {
                return Err(ValueError::new(field, "not_supported", "is not served; leave it out"));
            }
        }
        let options = ChatOptions {
            max_output_tokens: self.max_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            stop: self.stop.map(OneOrMany::into_texts).unwrap_or_default(),
            extra: dialect::passed_on(self.other)?,
        };
        let asked = |prompt| ChatRequest {
            messages: vec![PromptMessage::text(PromptRole::User, prompt)],
            options: options.clone(),
            ..ChatRequest::default()
        };
        Ok(prompts_of(self.prompt)?.into_iter().map(asked).collect())
    }
}

/// The texts of a prompt.
fn prompts_of(prompt: Value) -> Result<Vec<String>, ValueError> {
    let refused = |code, message: &str| Err(ValueError::new("prompt", code, message));
    let items = match prompt {
        Value::Null => return refused("missing", "is missing"),
        Value::Array(items) => items,
        one => vec![one],
    };
    if items.is_empty() || items.len() > MAX_PROMPTS {
        return refused("out_of_range", &format!("must be a text, or a list of 1 to {MAX_PROMPTS} texts"));
    }
    let several = items.len() > 1;
    let text_of = |(index, item)| {
        let field = if several { format!("prompt/{index}") } else { "prompt".to_owned() };
        match item {
            Value::String(prompt) => text::free(&field, &prompt, MAX_TEXT_BYTES),
            Value::Array(_) | Value::Number(_) => {
                Err(ValueError::new("prompt", "not_supported", "must be a text; ids of tokens are not read"))
            }
            _ => Err(ValueError::new(field, "wrong_type", "must be a text")),
        }
    };
    items.into_iter().enumerate().map(text_of).collect()
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
    let asked = |request| openai::ChatCompletion { model: model.clone(), request, ..Default::default() };
    let asked: Vec<_> = wanted.into_requests()?.into_iter().map(asked).collect();
    if stream {
        let form = move |completion: &Completion| TextForm { head: head(completion), index: 0, include_usage };
        return respond(request, asked, form).await;
    }
    let (app, actor) = (request.app.clone(), request.actor.clone());
    let answers = asked.into_iter().map(|asked| {
        let (app, actor) = (app.clone(), actor.clone());
        async move {
            // Who may no longer ask begins no further call.
            app.identity().look_again(&actor).await?;
            let mut completion = app.openai().complete(&actor, asked).await?;
            Ok::<_, app::Error>((head(&completion), completion.whole().await?))
        }
    });
    // In the order of the prompts. Each is a call of its own, with its place among
    // those that run and its row of the ledger: where one fails, those that were made are booked all the same.
    let answers: Vec<_> = stream::iter(answers).buffered(PROMPTS_AT_ONCE).try_collect().await?;
    let mut usage = TokenUsage::default();
    let mut choices = Vec::with_capacity(answers.len());
    let mut first = None;
    for (index, (head, answer)) in (0..).zip(answers) {
        first.get_or_insert(head);
        usage = usage.saturating_add(answer.usage);
        let finish_reason = Some(answer.finish_reason);
        choices.push(TextChoice { text: answer.text, index, logprobs: (), finish_reason });
    }
    let head = first.ok_or_else(|| app::Error::internal("there is a prompt"))?;
    Ok(HttpResponse::Ok().json(TextCompletion { head, choices, usage: Some(Some(usage.into())) }))
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
    /// That of the first completion, under which all go.
    head: Head,
    /// The prompt that is answered.
    index: u32,
    include_usage: bool,
}

impl TextForm {
    fn chunk(&self, text: String, finish_reason: Option<String>) -> Bytes {
        let choices = vec![TextChoice { text, index: self.index, logprobs: (), finish_reason }];
        sse::data(&TextCompletion { head: self.head.clone(), choices, usage: self.include_usage.then_some(None) })
    }
}

impl Form for TextForm {
    fn begin(&mut self) -> Option<Bytes> {
        None
    }

    fn next(&mut self) {
        self.index += 1;
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

    fn asked(mut body: Value) -> Result<Vec<ChatRequest>, (String, &'static str)> {
        body["model"] = json!("m");
        let request = crate::body::parse::<TextCompletionRequest>(body.to_string().as_bytes()).unwrap();
        request.into_requests().map_err(|error| (error.field, error.code))
    }

    #[test]
    fn a_prompt_is_a_text_or_several() {
        for prompt in [json!("Say hello."), json!(["Say hello."])] {
            let request = asked(json!({ "prompt": prompt, "suffix": null, "echo": false, "best_of": 1, "n": 1,
                "logprobs": null, "seed": 7, "stop": ["."] }))
            .unwrap();
            let [request] = request.try_into().unwrap();
            assert_eq!(request.messages, [PromptMessage::text(PromptRole::User, "Say hello.")]);
            assert_eq!(
                (request.options.extra, request.options.stop),
                (Map::from_iter([("seed".into(), json!(7))]), vec![".".to_owned()])
            );
        }
        let several = asked(json!({ "prompt": ["a", "b"], "seed": 7 })).unwrap();
        let texts: Vec<&str> = several.iter().map(|request| request.messages[0].text.as_str()).collect();
        assert_eq!(texts, ["a", "b"]);
        assert!(several.iter().all(|request| request.options.extra.get("seed") == Some(&json!(7))));
        for (prompt, field, code) in [
            (Value::Null, "prompt", "missing"),
            (json!([]), "prompt", "out_of_range"),
            (json!(vec!["a"; MAX_PROMPTS + 1]), "prompt", "out_of_range"),
            (json!(["a", 7]), "prompt", "not_supported"),
            (json!(["a", null]), "prompt/1", "wrong_type"),
            (json!([15339, 11]), "prompt", "not_supported"),
            (json!([15339]), "prompt", "not_supported"),
            (json!([[15339, 11]]), "prompt", "not_supported"),
            (json!({ "text": "a" }), "prompt", "wrong_type"),
        ] {
            assert_eq!(asked(json!({ "prompt": prompt })).unwrap_err(), (field.to_owned(), code), "{prompt}");
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
