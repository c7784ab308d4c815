//! Chat completions that store nothing but usage and audit.

use domain::{
    access::{Actor, Permission},
    clock::Timestamp,
    error::ValueError,
    gateways::{ChatDelta, ChatRequest, ModelName, PromptMessage},
    ids::{ConversationId, RequestId},
    usage::TokenUsage,
};

use super::{Annotation, Failure, OpenAi, dialect, log::LogReader};
use crate::Result;

mod alone;

/// Most messages of a request.
const MAX_MESSAGES: usize = 2_000;

/// A chat completion as it was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatCompletion {
    /// The model, as the client named it.
    pub model: String,
    /// The prompt with its parameters; `model` and `passages` inside it are filled in here.
    pub request: ChatRequest,
    /// Send the last user message under the head of this conversation and ignore the rest.
    pub conversation_id: Option<ConversationId>,
    /// Keep the messages, and the answer, as a new conversation.
    pub store: bool,
}

/// What a completion reports.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionEvent {
    /// A piece of the answer.
    Delta(ChatDelta),
    /// What the marks of the answer cite, once it is whole.
    Annotated(Vec<Annotation>),
    /// The end, settled: why the model stopped, and the tokens.
    Finished {
        /// `stop`, `length`, `tool_calls` …
        finish_reason: String,
        /// The provider's count, or our estimate.
        usage: TokenUsage,
    },
    /// The end, by a failure.
    Failed(Failure),
}

/// A completion under way. Dropping it cancels nothing.
pub struct Completion {
    /// The model that answers.
    pub model: ModelName,
    /// Its call, by which the ledger knows it.
    pub request_id: RequestId,
    /// When the model was asked.
    pub created: Timestamp,
    /// The conversation it is stored in, if it is.
    pub conversation_id: Option<ConversationId>,
    pub(super) events: LogReader<CompletionEvent>,
}

impl Completion {
    /// The next event; `None` after the last one.
    pub async fn next(&mut self) -> Option<CompletionEvent> {
        self.events.next().await
    }
}

impl OpenAi {
    /// Answers a prompt. Errors before the first delta come as the outer error.
    ///
    /// # Errors
    /// `forbidden`, `invalid`, `not_found` for the conversation, the provider's errors.
    pub async fn complete(&self, actor: &Actor, asked: ChatCompletion) -> Result<Completion> {
        let scope = self.app.allow(actor, Permission::ModelsUse)?;
        if asked.request.messages.is_empty() || asked.request.messages.len() > MAX_MESSAGES {
            let message = format!("must be 1 to {MAX_MESSAGES} messages");
            return Err(ValueError::new("messages", "out_of_range", message).into());
        }
        check_kept(&asked)?;
        let this = self.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                if asked.conversation_id.is_some() || asked.store {
                    this.complete_in_conversation(actor, asked).await
                } else {
                    this.complete_alone(actor, scope, asked).await
                }
            })
            .await
    }
}

/// A conversation holds texts so far, so what is kept has to be one.
fn check_kept(asked: &ChatCompletion) -> Result<(), ValueError> {
    let messages = &asked.request.messages;
    let first = match asked.conversation_id {
        Some(_) => messages.len().saturating_sub(1),
        None if asked.store => 0,
        None => return Ok(()),
    };
    let has_media = |(_, message): &(usize, &PromptMessage)| dialect::media_in(message) > 0;
    match messages.iter().enumerate().skip(first).find(has_media) {
        None => Ok(()),
        Some((index, _)) => {
            let message = "holds a part that is no text, which cannot be kept yet: leave out 'store' and \
                           'conversation_id'";
            Err(ValueError::new(format!("messages/{index}/content"), "not_yet_supported", message))
        }
    }
}
