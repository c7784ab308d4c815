//! Chat completions in OpenAI's dialect.

use actix_web::{HttpResponse, web::Bytes};
use app::openai::{ChatCompletion, Completion, CompletionEvent, WholeAnswer};
use domain::{
    gateways::{ChatDelta, ToolCall},
    ids::ConversationId,
};
use futures::{Stream, stream};
use serde_json::{Value, json};
use std::collections::VecDeque;
use tokio::time::timeout;

use super::dto::{CompletionRequest, ToolCallDto, UsageDto};
use crate::{
    authorize::ActorRequest,
    body::Json,
    error::{ApiError, HandlerResult},
    route::LISTED,
    sse::{self, COMMENT, HEARTBEAT},
};

/// Answers a prompt, at once or as it is written.
#[utoipa::path(trace, path = LISTED,
    responses((status = 200, description = "the answer, or its chunks as an event stream", body = Object)))]
pub(crate) async fn complete(request: ActorRequest, body: Json<CompletionRequest>) -> HandlerResult {
    let wanted = body.value;
    let (stream, include_usage) = (wanted.stream.unwrap_or_default(), wanted.include_usage());
    let asked = ChatCompletion {
        model: wanted.model.clone(),
        conversation_id: wanted.conversation_id.map(ConversationId),
        store: wanted.store.unwrap_or_default(),
        request: wanted.into_request()?,
    };
    if stream {
        let completion = request.app.openai().complete(&request.actor, asked).await?;
        let head = Head::of(&completion);
        let told = |error: ApiError| sse::data(&error.openai());
        return sse::respond(&request.http, told, chunks(completion, head, include_usage));
    }
    // In a task of the application's runtime: this thread is woken once, and not for every piece.
    let answer = tokio::spawn(async move {
        let completion = request.app.openai().complete(&request.actor, asked).await?;
        whole(completion).await
    });
    Ok(HttpResponse::Ok().json(answer.await.map_err(app::Error::internal)??))
}

/// What every chunk of an answer says.
struct Head {
    id: String,
    created: i64,
    model: String,
    conversation_id: Option<ConversationId>,
}

impl Head {
    fn of(completion: &Completion) -> Self {
        Self {
            id: format!("chatcmpl-{}", completion.request_id.0.simple()),
            created: completion.created.timestamp(),
            model: completion.model.to_string(),
            conversation_id: completion.conversation_id,
        }
    }

    fn object(&self, kind: &str) -> Value {
        let mut object = json!({ "id": self.id, "object": kind, "created": self.created, "model": self.model });
        if let Some(id) = self.conversation_id {
            object["conversation_id"] = json!(id);
        }
        object
    }

    fn chunk(&self, delta: &Value, finish_reason: Option<&str>, include_usage: bool) -> Bytes {
        let mut chunk = self.object("chat.completion.chunk");
        chunk["choices"] = json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason }]);
        if include_usage {
            chunk["usage"] = Value::Null;
        }
        sse::data(&chunk)
    }
}

/// The answer at once.
async fn whole(mut completion: Completion) -> Result<Value, ApiError> {
    let head = Head::of(&completion);
    let WholeAnswer { text, reasoning, extra, tool_calls, finish_reason, usage } = completion.whole().await?;
    let content = if text.is_empty() && !tool_calls.is_empty() { Value::Null } else { json!(text) };
    let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
    if !reasoning.is_empty() {
        message["reasoning"] = json!(reasoning);
        message["reasoning_content"] = json!(reasoning);
    }
    message.as_object_mut().into_iter().for_each(|message| message.extend(extra.clone()));
    if !tool_calls.is_empty() {
        message["tool_calls"] = tool_calls.into_iter().map(|call| json!(ToolCallDto::from(call))).collect();
    }
    let mut object = head.object("chat.completion");
    object["choices"] = json!([{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason }]);
    object["usage"] = json!(UsageDto::from(usage));
    Ok(object)
}

/// The answer as it is written.
fn chunks(
    completion: Completion,
    head: Head,
    include_usage: bool,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let first = head.chunk(&json!({ "role": "assistant", "content": "" }), None, include_usage);
    let state = Chunks { completion, head, include_usage, calls: 0, ready: VecDeque::from([first]), ended: false };
    stream::unfold(state, |mut state| async {
        loop {
            if let Some(bytes) = state.ready.pop_front() {
                return Some((Ok(bytes), state));
            }
            if state.ended {
                return None;
            }
            match timeout(HEARTBEAT, state.completion.next()).await {
                Err(_) => return Some((Ok(COMMENT), state)),
                Ok(None) => return None,
                Ok(Some(event)) => state.take(event),
            }
        }
    })
}

struct Chunks {
    completion: Completion,
    head: Head,
    include_usage: bool,
    calls: usize,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl Chunks {
    fn take(&mut self, event: CompletionEvent) {
        let delta = match event {
            CompletionEvent::Delta(ChatDelta::Text(text)) => json!({ "content": text }),
            CompletionEvent::Delta(ChatDelta::Reasoning(text)) => {
                json!({ "reasoning": text, "reasoning_content": text })
            }
            CompletionEvent::Delta(ChatDelta::ToolCall(call)) => self.tool_call(call),
            CompletionEvent::Delta(ChatDelta::Extra(fields)) => Value::Object(fields),
            CompletionEvent::Delta(ChatDelta::Finished(_) | ChatDelta::Usage(_)) => return,
            CompletionEvent::Failed { code, message } => {
                let error = json!({ "message": message, "type": "server_error", "param": null, "code": code });
                self.ready.push_back(sse::data(&json!({ "error": error })));
                self.ready.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
                self.ended = true;
                return;
            }
            CompletionEvent::Finished { finish_reason, usage } => {
                let last = self.head.chunk(&json!({}), Some(&finish_reason), self.include_usage);
                self.ready.push_back(last);
                if self.include_usage {
                    let mut chunk = self.head.object("chat.completion.chunk");
                    chunk["choices"] = json!([]);
                    chunk["usage"] = json!(UsageDto::from(usage));
                    self.ready.push_back(sse::data(&chunk));
                }
                self.ready.push_back(Bytes::from_static(b"data: [DONE]\n\n"));
                self.ended = true;
                return;
            }
        };
        let chunk = self.head.chunk(&delta, None, self.include_usage);
        self.ready.push_back(chunk);
    }

    fn tool_call(&mut self, call: ToolCall) -> Value {
        let mut call = json!(ToolCallDto::from(call));
        call["index"] = json!(self.calls);
        self.calls += 1;
        json!({ "tool_calls": [call] })
    }
}
