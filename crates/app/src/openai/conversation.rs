//! Chat completions that are kept as turns of a conversation.

use std::sync::Arc;

use domain::{
    access::Actor,
    conversations::{Parts, TurnEvent},
    error::ValueError,
    gateways::{ChatDelta, ModelName, PromptMessage, PromptRole, ToolCall},
    ids::ConversationId,
    usage::TokenUsage,
};

use super::{
    ChatCompletion, Completion, CompletionEvent, OpenAi,
    annotation::{Cited, annotations},
    log::{LogWriter, log},
    running::too_many,
};
use crate::{
    Error, Result,
    conversations::{Following, MessageView, NewConversation, NewMessage, OpenedTurn},
};

/// The provider that answers with passages and with nothing else.
pub(super) const BUILT_IN: &str = "banyan";

impl OpenAi {
    /// Answers a prompt as a turn: of the named conversation, or of a new one. A failure before the first delta comes as
    /// the outer error, as that of a completion alone does.
    pub(super) async fn complete_in_conversation(&self, actor: Actor, asked: ChatCompletion) -> Result<Completion> {
        let (name, _) = self.app.parts.models.resolve(&asked.model).await?;
        let actor = Arc::new(actor);
        let opened = match asked.conversation_id {
            Some(id) => self.ask_in(&actor, id, &name, asked).await?,
            None => self.ask_in_new(&actor, &name, &asked).await?,
        };
        let Some((_, stream)) = opened.answers.first().copied() else {
            return Err(Error::internal("a turn has an answer"));
        };
        let following = self.app.conversations().follow(&actor, stream, 0).await?;
        let (request_id, created) = (following.stream().request_id, following.stream().created_at);
        let (events, mut reader) = log();
        self.app.parts.tasks.spawn(relay(following, events));
        if let Some(CompletionEvent::Failed(failure)) = reader.peek().await {
            return Err(failure.into());
        }
        let conversation_id = Some(opened.conversation_id);
        Ok(Completion { model: name, request_id, created, conversation_id, events: reader })
    }

    /// Sends the user message that ends a prompt, whose earlier ones the conversation holds already.
    async fn ask_in(
        &self,
        actor: &Arc<Actor>,
        id: ConversationId,
        name: &ModelName,
        asked: ChatCompletion,
    ) -> Result<OpenedTurn> {
        let parts = last_question(&asked.request.messages)?;
        let options = asked.request.options;
        let message = NewMessage { parts, models: vec![name.to_string()], options, ..NewMessage::default() };
        self.app.conversations().send(actor, id, message, None).await?.into_done()
    }

    /// Keeps a prompt as a new conversation. It looks for passages only where the model has nothing but these.
    async fn ask_in_new(&self, actor: &Arc<Actor>, name: &ModelName, asked: &ChatCompletion) -> Result<OpenedTurn> {
        let messages = &asked.request.messages;
        let instructions = messages.iter().filter(|message| message.role == PromptRole::System);
        let instructions: Vec<&str> = instructions.map(|message| message.text.as_str()).collect();
        let is_kept_as_such = !instructions.is_empty() && instructions.len() < messages.len();
        let new = NewConversation {
            model: Some(name.to_string()),
            system_prompt: is_kept_as_such.then(|| instructions.join("\n\n")),
            collections: (name.provider != BUILT_IN).then(Vec::new),
            ..NewConversation::default()
        };
        let opened = self.app.conversations().begin_with_prompt(actor, new, messages, &asked.request.options).await;
        opened.map_err(|error| match error.code {
            // Nothing else runs in a conversation that is new: it is the bound of who asks.
            "generation_active" => too_many(actor, &self.app.parts.settings),
            _ => error,
        })
    }
}

/// The user message that ends a prompt.
fn last_question(messages: &[PromptMessage]) -> Result<Parts> {
    let last = messages.last().filter(|message| message.role == PromptRole::User).ok_or_else(|| {
        let message = "must end with a message of the role 'user' to be kept; leave out 'conversation_id' otherwise";
        ValueError::new("messages", "no_question", message)
    })?;
    let parts = Parts::text(last.text.clone());
    let field = format!("messages/{}/content", messages.len() - 1);
    parts.check_from_user().map_err(|error| ValueError { field, ..error })?;
    Ok(parts)
}

/// Tells the events of a turn in the words of a completion.
async fn relay(mut following: Following, events: LogWriter<CompletionEvent>) {
    let mut relay = Relay { events, text: None, cited: Vec::new() };
    loop {
        match following.next().await {
            Ok(None) => return,
            Ok(Some(followed)) => {
                let is_last = followed.event.event.is_last();
                relay.tell(followed.event.event, followed.message.as_deref());
                if is_last {
                    return;
                }
            }
            Err(error) => {
                relay.events.push(CompletionEvent::Failed((&error).into()));
                return;
            }
        }
    }
}

/// A turn as its completion tells it.
struct Relay {
    events: LogWriter<CompletionEvent>,
    /// The text so far, where it may cite something.
    text: Option<String>,
    cited: Vec<Cited>,
}

impl Relay {
    fn tell(&mut self, event: TurnEvent, message: Option<&MessageView>) {
        let told = match event {
            TurnEvent::TurnStarted { .. } => return,
            TurnEvent::RetrievalCompleted { .. } => {
                self.text = Some(String::new());
                return;
            }
            TurnEvent::TextDelta { text } => {
                self.text.iter_mut().for_each(|so_far| so_far.push_str(&text));
                CompletionEvent::Delta(ChatDelta::Text(text))
            }
            TurnEvent::ReasoningDelta { text } => CompletionEvent::Delta(ChatDelta::Reasoning(text)),
            TurnEvent::ToolCall { id, name, arguments, extra } => {
                CompletionEvent::Delta(ChatDelta::ToolCall(ToolCall { id, name, arguments, extra }))
            }
            TurnEvent::AnswerExtra { extra } => CompletionEvent::Delta(ChatDelta::Extra(extra)),
            TurnEvent::CitationAdded { index, chunk_id, source_id, filename, page, quote } => {
                self.cited.push(Cited { index, chunk_id, source_id, filename, page, quote });
                return;
            }
            TurnEvent::TurnCompleted { usage, finish_reason, .. } => self.end(finish_reason, usage),
            TurnEvent::TurnStopped {} => self.end(None, message.map(booked).unwrap_or_default()),
            TurnEvent::TurnFailed { error } => CompletionEvent::Failed(error.into()),
        };
        self.events.push(told);
    }

    /// Tells what was cited; returns the end.
    fn end(&self, finish_reason: Option<String>, usage: TokenUsage) -> CompletionEvent {
        if let Some(text) = self.text.as_ref().filter(|_| !self.cited.is_empty()) {
            self.events.push(CompletionEvent::Annotated(annotations(text, &self.cited)));
        }
        CompletionEvent::Finished { finish_reason: finish_reason.unwrap_or_else(|| "stop".to_owned()), usage }
    }
}

/// The tokens of an answer, as they were booked with it.
fn booked(MessageView { message, .. }: &MessageView) -> TokenUsage {
    TokenUsage {
        input_tokens: message.input_tokens.unwrap_or_default(),
        output_tokens: message.output_tokens.unwrap_or_default(),
        ..TokenUsage::default()
    }
}
