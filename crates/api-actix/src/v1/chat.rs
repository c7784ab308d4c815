//! Chat completions in OpenAI's dialect.

use actix_web::{HttpResponse, web::Bytes};
use app::openai::{self, Annotation, Completion, WholeAnswer};
use domain::{
    gateways::{AnswerExtra, ChatDelta},
    ids::ConversationId,
    usage::TokenUsage,
};
use serde_json::Map;

use super::{
    answer::{
        AnnotationBody, AnswerMessage, AnswerToolCall, ChatCompletion, ChatCompletionChunk, Choice, ChunkChoice, Delta,
        Head, beside, further,
    },
    chunks::{Form, respond},
    errors::ErrorResponse,
    request::ChatCompletionRequest,
};
use crate::{
    authorize::ActorRequest,
    body::Json,
    error::{ApiError, HandlerResult},
    route::LISTED,
    sse,
};

/// Where this stands below what we are mounted at.
const PATH: &str = "/v1/chat/completions";

/// Answers a prompt, at once or as it is written.
#[utoipa::path(trace, path = LISTED,
    responses((status = 200, description = "the answer, or its chunks as an event stream",
            content((ChatCompletion = "application/json"), (ChatCompletionChunk = "text/event-stream"))),
        (status = 400, description = "a value breaks a rule, or the provider refuses it", body = ErrorResponse)))]
pub(crate) async fn complete(request: ActorRequest, body: Json<ChatCompletionRequest>) -> HandlerResult {
    let wanted = body.value;
    let (stream, include_usage) = (wanted.stream.unwrap_or_default(), wanted.include_usage());
    let base = request.http.path().trim_end_matches('/').strip_suffix(PATH).unwrap_or_default().to_owned();
    let asked = openai::ChatCompletion {
        model: wanted.model.clone(),
        conversation_id: wanted.conversation_id.map(ConversationId),
        store: wanted.store.unwrap_or_default(),
        request: wanted.into_request()?,
    };
    if stream {
        let head = |completion: &Completion| head(completion, "chat.completion.chunk");
        return respond(request, [asked], move |completion| ChatForm {
            head: head(completion),
            base,
            include_usage,
            calls: 0,
        })
        .await;
    }
    // In a task of the application's runtime: this thread is woken once, and not for every piece.
    let answer = tokio::spawn(async move {
        let mut completion = request.app.openai().complete(&request.actor, asked).await?;
        let head = head(&completion, "chat.completion");
        Ok::<_, ApiError>(whole(head, completion.whole().await?, &base))
    });
    Ok(HttpResponse::Ok().json(answer.await.map_err(app::Error::internal)??))
}

fn head(completion: &Completion, object: &'static str) -> Head {
    Head {
        id: format!("chatcmpl-{}", completion.request_id.0.simple()),
        object,
        created: completion.created.timestamp(),
        model: completion.model.to_string(),
        conversation_id: completion.conversation_id,
    }
}

/// The answer at once.
fn whole(head: Head, answer: WholeAnswer, base: &str) -> ChatCompletion {
    let WholeAnswer { text, reasoning, mut extra, annotations, tool_calls, finish_reason, usage } = answer;
    let reasoning = Some(reasoning).filter(|reasoning| !reasoning.is_empty());
    let annotations = annotation_bodies(annotations, base);
    let message = AnswerMessage {
        role: "assistant",
        content: Some(text).filter(|text| !text.is_empty() || tool_calls.is_empty()),
        refusal: (),
        reasoning: reasoning.clone(),
        reasoning_content: reasoning,
        further: further(std::mem::take(&mut extra.message), &annotations),
        annotations,
        tool_calls: tool_calls.into_iter().map(|call| AnswerToolCall::new(call, None)).collect(),
    };
    let (of_choice, further) = beside(extra);
    let choice = Choice { index: 0, message, logprobs: (), finish_reason, further: of_choice };
    ChatCompletion { head, choices: vec![choice], usage: usage.into(), further }
}

fn annotation_bodies(annotations: Vec<Annotation>, base: &str) -> Vec<AnnotationBody> {
    annotations.into_iter().map(|annotation| AnnotationBody::new(annotation, base)).collect()
}

/// Chunks of a chat completion.
struct ChatForm {
    head: Head,
    /// The path that we are mounted at.
    base: String,
    include_usage: bool,
    /// Tool calls so far.
    calls: usize,
}

impl ChatForm {
    fn chunk(&self, delta: Delta, finish_reason: Option<String>) -> Bytes {
        self.chunk_with(delta, finish_reason, AnswerExtra::default())
    }

    fn chunk_with(&self, delta: Delta, finish_reason: Option<String>, extra: AnswerExtra) -> Bytes {
        let (of_choice, further) = beside(extra);
        let choices = vec![ChunkChoice { index: 0, delta, logprobs: (), finish_reason, further: of_choice }];
        let usage = self.include_usage.then_some(None);
        sse::data(&ChatCompletionChunk { head: self.head.clone(), choices, usage, further })
    }
}

impl Form for ChatForm {
    fn begin(&mut self) -> Option<Bytes> {
        let delta = Delta { role: Some("assistant"), content: Some(String::new()), ..Delta::default() };
        Some(self.chunk(delta, None))
    }

    fn piece(&mut self, delta: ChatDelta) -> Option<Bytes> {
        let delta = match delta {
            ChatDelta::Text(text) => Delta { content: Some(text), ..Delta::default() },
            ChatDelta::Reasoning(text) => {
                Delta { reasoning: Some(text.clone()), reasoning_content: Some(text), ..Delta::default() }
            }
            ChatDelta::ToolCall(call) => {
                let call = AnswerToolCall::new(call, Some(self.calls));
                self.calls += 1;
                Delta { tool_calls: vec![call], ..Delta::default() }
            }
            ChatDelta::Extra(mut extra) => {
                let further = further(std::mem::take(&mut extra.message), &[]);
                let is_nothing = further.is_empty() && extra.is_empty();
                return (!is_nothing).then(|| self.chunk_with(Delta { further, ..Delta::default() }, None, extra));
            }
            ChatDelta::Finished(_) | ChatDelta::Usage(_) | ChatDelta::UsageOutdated => return None,
        };
        Some(self.chunk(delta, None))
    }

    fn end(&mut self, finish_reason: String, annotations: Vec<Annotation>) -> Bytes {
        let annotations = annotation_bodies(annotations, &self.base);
        self.chunk(Delta { annotations, ..Delta::default() }, Some(finish_reason))
    }

    fn usage(&mut self, usage: TokenUsage) -> Option<Bytes> {
        let (head, usage) = (self.head.clone(), self.include_usage.then(|| Some(usage.into())));
        usage.map(|usage| {
            let further = Map::new();
            sse::data(&ChatCompletionChunk { head, choices: Vec::new(), usage: Some(usage), further })
        })
    }
}
