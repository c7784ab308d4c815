//! Chat completions that are kept as turns of a conversation.

use domain::{
    access::Actor,
    conversations::{Origin, Part, Parts, TurnEvent},
    error::ValueError,
    gateways::{ChatDelta, PromptMessage, PromptRole, ToolCall},
    ids::ConversationId,
};

use super::{
    ChatCompletion, Completion, CompletionEvent, OpenAi,
    log::{LogWriter, log},
};
use crate::{
    Error, Result,
    conversations::{Following, NewConversation, NewMessage},
};

impl OpenAi {
    /// Sends the last user message as a turn: of the named conversation, or of a new one.
    pub(super) async fn complete_in_conversation(&self, actor: &Actor, asked: ChatCompletion) -> Result<Completion> {
        let (name, _) = self.app.parts.models.resolve(&asked.model).await?;
        let (conversation_id, parts) = match asked.conversation_id {
            Some(id) => (id, last_question(&asked.request.messages)?),
            None => self.new_conversation(actor, &asked).await?,
        };
        let conversations = self.app.conversations();
        let options = asked.request.options.clone();
        let message = NewMessage { parts, models: vec![name.to_string()], options, ..NewMessage::default() };
        let opened = conversations.send(actor, conversation_id, message, None).await?.into_done()?;
        let Some((_, stream)) = opened.answers.first().copied() else {
            return Err(Error::internal("a turn has an answer"));
        };
        let following = conversations.follow(actor, stream, 0).await?;
        let (request_id, created) = (following.stream().request_id, following.stream().created_at);
        let (events, reader) = log();
        self.app.parts.tasks.spawn(relay(following, events));
        Ok(Completion { model: name, request_id, created, conversation_id: Some(conversation_id), events: reader })
    }

    /// A conversation for what a client wants stored, and the question to be sent in it: the user
    /// messages at the end of the prompt. What stands before them becomes the system prompt and the
    /// beginning of the branch.
    async fn new_conversation(&self, actor: &Actor, asked: &ChatCompletion) -> Result<(ConversationId, Parts)> {
        let (system, turns): (Vec<&PromptMessage>, Vec<&PromptMessage>) =
            asked.request.messages.iter().partition(|message| message.role == PromptRole::System);
        let first = turns.iter().rposition(|message| message.role != PromptRole::User).map_or(0, |last| last + 1);
        let (earlier, questions) = turns.split_at(first);
        if questions.is_empty() {
            let message = "must end with a message of the role 'user' to be kept; leave out 'store' otherwise";
            return Err(ValueError::new("messages", "no_question", message).into());
        }
        let parts = Parts(questions.iter().map(|question| Part::Text { text: question.text.clone() }).collect());
        parts.check_from_user()?;
        let system: Vec<&str> = system.iter().map(|message| message.text.as_str()).collect();
        let new = NewConversation {
            model: Some(asked.model.clone()),
            system_prompt: (!system.is_empty()).then(|| system.join("\n\n")),
            collections: Some(Vec::new()),
            ..NewConversation::default()
        };
        let conversations = self.app.conversations();
        let conversation = conversations.create_with_origin(actor, new, Origin::OpenAi, None).await?.into_done()?;
        let earlier: Vec<PromptMessage> = earlier.iter().map(|message| (*message).clone()).collect();
        conversations.import_prompt(actor, conversation.id, &earlier).await?;
        Ok((conversation.id, parts))
    }
}

/// The user message that ends a prompt whose earlier ones the conversation holds already.
fn last_question(messages: &[PromptMessage]) -> Result<Parts> {
    let last = messages.last().filter(|message| message.role == PromptRole::User).ok_or_else(|| {
        let message = "must end with a message of the role 'user' to be kept; leave out 'conversation_id' otherwise";
        ValueError::new("messages", "no_question", message)
    })?;
    Ok(Parts::text(last.text.clone()))
}

/// Tells the events of a turn in the words of a completion.
async fn relay(mut following: Following, events: LogWriter<CompletionEvent>) {
    loop {
        match following.next().await {
            Ok(None) => return,
            Ok(Some(followed)) => {
                let last = followed.event.event.is_last();
                if let Some(event) = translate(followed.event.event) {
                    events.push(event);
                }
                if last {
                    return;
                }
            }
            Err(error) => {
                events.push(CompletionEvent::Failed { code: error.code.to_owned(), message: error.message });
                return;
            }
        }
    }
}

fn translate(event: TurnEvent) -> Option<CompletionEvent> {
    match event {
        TurnEvent::TextDelta { text } => Some(CompletionEvent::Delta(ChatDelta::Text(text))),
        TurnEvent::ReasoningDelta { text } => Some(CompletionEvent::Delta(ChatDelta::Reasoning(text))),
        TurnEvent::ToolCall { id, name, arguments, extra } => {
            Some(CompletionEvent::Delta(ChatDelta::ToolCall(ToolCall { id, name, arguments, extra })))
        }
        TurnEvent::TurnCompleted { usage, finish_reason, .. } => {
            let finish_reason = finish_reason.unwrap_or_else(|| "stop".to_owned());
            Some(CompletionEvent::Finished { finish_reason, usage })
        }
        TurnEvent::TurnFailed { error } => Some(CompletionEvent::Failed { code: error.code, message: error.message }),
        TurnEvent::TurnStopped {} => {
            Some(CompletionEvent::Finished { finish_reason: "stop".to_owned(), usage: Default::default() })
        }
        TurnEvent::TurnStarted { .. } | TurnEvent::RetrievalCompleted { .. } | TurnEvent::CitationAdded { .. } => None,
    }
}
