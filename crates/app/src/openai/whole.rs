//! A completion that is waited for, instead of read as it is written.

use domain::{
    gateways::{AnswerExtra, ChatDelta, ToolCall},
    usage::TokenUsage,
};

use super::{Annotation, Completion, CompletionEvent};
use crate::{Error, Result};

/// An answer with its end.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WholeAnswer {
    /// The text; empty where the model only calls tools.
    pub text: String,
    /// The reasoning, where the model shows it.
    pub reasoning: String,
    /// Further fields, such as the signatures of its reasoning.
    pub extra: AnswerExtra,
    /// What the marks of the text cite.
    pub annotations: Vec<Annotation>,
    /// The tools that are called, in order.
    pub tool_calls: Vec<ToolCall>,
    /// Why the model stopped.
    pub finish_reason: String,
    /// The provider's count, or our estimate.
    pub usage: TokenUsage,
}

impl Completion {
    /// Waits for the end. An answer that breaks off is none: nobody asked for a part of it.
    ///
    /// # Errors
    /// The failure, as before the first delta.
    pub async fn whole(&mut self) -> Result<WholeAnswer> {
        let mut whole = WholeAnswer::default();
        while let Some(event) = self.next().await {
            match event {
                CompletionEvent::Delta(ChatDelta::Text(piece)) => whole.text.push_str(&piece),
                CompletionEvent::Delta(ChatDelta::Reasoning(piece)) => whole.reasoning.push_str(&piece),
                CompletionEvent::Delta(ChatDelta::ToolCall(call)) => whole.tool_calls.push(call),
                CompletionEvent::Delta(ChatDelta::Extra(extra)) => whole.extra.add(extra),
                CompletionEvent::Delta(ChatDelta::Finished(_) | ChatDelta::Usage(_) | ChatDelta::UsageOutdated) => {}
                CompletionEvent::Annotated(annotations) => whole.annotations = annotations,
                CompletionEvent::Failed(failure) => return Err(failure.into()),
                CompletionEvent::Finished { finish_reason, usage } => {
                    return Ok(WholeAnswer { finish_reason, usage, ..whole });
                }
            }
        }
        Err(Error::internal("a completion has an end"))
    }
}

#[cfg(test)]
mod tests {
    use domain::{clock::Timestamp, gateways::ModelName, ids::RequestId};
    use serde_json::{Value, json};

    use super::{super::log::log, *};
    use crate::{ErrorKind, openai::Failure};

    fn completion(events: Vec<CompletionEvent>) -> Completion {
        let (writer, reader) = log();
        events.into_iter().for_each(|event| writer.push(event));
        let model = ModelName { provider: "banyan".to_owned(), model: "extractive".to_owned() };
        let (request_id, created) = (RequestId(uuid::Uuid::nil()), Timestamp::default());
        Completion { model, request_id, created, conversation_id: None, events: reader }
    }

    fn fields(value: Value) -> AnswerExtra {
        AnswerExtra::of_message(value.as_object().cloned().unwrap_or_default())
    }

    #[tokio::test]
    async fn pieces_become_one_answer() {
        let text = |text: &str| CompletionEvent::Delta(ChatDelta::Text(text.to_owned()));
        let call = ToolCall {
            id: "1".to_owned(),
            name: "weather".to_owned(),
            arguments: "{}".to_owned(),
            ..ToolCall::default()
        };
        let usage = TokenUsage { output_tokens: 3, ..TokenUsage::default() };
        let events = vec![
            CompletionEvent::Delta(ChatDelta::Reasoning("hm".to_owned())),
            text("one "),
            text("two"),
            CompletionEvent::Delta(ChatDelta::Extra(fields(json!({ "a": [1], "b": "x", "c": 1 })))),
            CompletionEvent::Delta(ChatDelta::Extra(fields(json!({ "a": [2], "b": "y", "c": 2 })))),
            CompletionEvent::Delta(ChatDelta::Extra(fields(json!({ "d": { "name": "f", "arguments": "{" } })))),
            CompletionEvent::Delta(ChatDelta::Extra(fields(json!({ "d": { "arguments": "}" } })))),
            CompletionEvent::Delta(ChatDelta::ToolCall(call.clone())),
            CompletionEvent::Finished { finish_reason: "stop".to_owned(), usage },
        ];
        let extra = fields(json!({ "a": [1, 2], "b": "xy", "c": 2, "d": { "name": "f", "arguments": "{}" } }));
        let whole = completion(events).whole().await.unwrap();
        let (text, reasoning, finish_reason) = ("one two".to_owned(), "hm".to_owned(), "stop".to_owned());
        let (tool_calls, annotations) = (vec![call], Vec::new());
        assert_eq!(whole, WholeAnswer { text, reasoning, extra, annotations, tool_calls, finish_reason, usage });
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_is_an_error() {
        let begun = CompletionEvent::Delta(ChatDelta::Text("one ".to_owned()));
        let failure = Failure::new(ErrorKind::TooManyRequests, ("upstream_rate_limited", "wait"));
        let failed = CompletionEvent::Failed(failure.clone());
        let error = completion(vec![begun.clone(), failed]).whole().await.unwrap_err();
        assert_eq!(Failure::from(&error), failure);
        let error = completion(vec![begun]).whole().await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Internal);
    }
}
