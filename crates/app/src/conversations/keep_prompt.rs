//! A prompt that a client wants kept becomes a conversation, with the answer under its last message.

use std::sync::Arc;

use domain::{
    access::{Actor, Permission},
    conversations::{
        Conversation, Message, MessageRole, MessageStatus, Origin, Part, Parts, message::may_follow, part::MAX_PARTS,
    },
    gateways::{AnswerExtra, ChatOptions, MAX_EXTRA_BYTES, PromptMessage, PromptRole},
    text,
};

use super::models::ResolvedModel;
use crate::{
    Result,
    conversations::{Conversations, NewConversation, OpenedTurn, blank, open::Opening},
    unit_of_work::{Uow, tenant_of},
};

impl Conversations {
    /// Keeps a prompt as a new conversation of the model that `new` names, and has it answered. The model gets the prompt
    /// as it came.
    ///
    /// # Errors
    /// As [`Conversations::create`] and [`Conversations::send`].
    // All of it is one transaction, so that a turn that is refused leaves no conversation behind. It is carried out in the
    // task of the caller.
    pub(crate) async fn begin_with_prompt(
        &self,
        actor: &Arc<Actor>,
        new: NewConversation,
        prompt: &[PromptMessage],
        options: &ChatOptions,
    ) -> Result<OpenedTurn> {
        let scope = self.app.allow(actor, Permission::ConversationsWrite)?;
        let row = &self.new_row(actor, tenant_of(&scope)?, new, Origin::OpenAi)?;
        let (name, model) = self.app.parts.models.resolve(row.model.as_deref().unwrap_or_default()).await?;
        let models = &[ResolvedModel { name, model }];
        let work = |tx: Uow| async move {
            let mut conversation = row.clone();
            tx.record(self.insert(&tx, &conversation).await?).await?;
            let rows = rows_of(&tx, &conversation, actor, prompt);
            tx.messages().insert(&rows).await?;
            let count = rows.len() as i64;
            conversation.next_seq += count;
            conversation.message_count += count;
            conversation.current_message_id = rows.last().map(|last| last.id);
            let opening = Opening {
                actor,
                conversation: &conversation,
                above: rows,
                question: None,
                models,
                options,
                regenerated_from: None,
                prompt: Some(prompt),
            };
            self.open(&tx, opening).await
        };
        self.app.change_in(&scope, Some(actor), work).await
    }
}

/// The messages of a prompt as one branch, each the active child of the one before. Instructions are the conversation's
/// own, unless there is nothing else; what people say in a row is one message with a part for each. What breaks the
/// grammar is kept and flagged.
fn rows_of(tx: &Uow, conversation: &Conversation, actor: &Actor, prompt: &[PromptMessage]) -> Vec<Message> {
    let has_turns = prompt.iter().any(|message| message.role != PromptRole::System);
    let turns = prompt.iter().filter(|message| message.role != PromptRole::System || !has_turns);
    let mut rows: Vec<Message> = Vec::with_capacity(prompt.len());
    let mut seq = conversation.next_seq;
    for message in turns {
        let (role, parts) = role_and_parts(message);
        let is_more = |before: &&mut Message| {
            role == MessageRole::User && before.role == role && before.parts.0.len() < MAX_PARTS
        };
        if let Some(before) = rows.last_mut().filter(is_more) {
            before.parts.0.extend(parts.0);
            continue;
        }
        let above = rows.last().map(|above| above.id);
        let mut row = blank::message(tx.app(), conversation, actor, above, role, seq);
        row.parts = parts;
        row.status = MessageStatus::Complete;
        row.irregular = !may_follow(rows.last().map(|above| above.role), role);
        if let Some(above) = rows.last_mut() {
            above.active_child_id = Some(row.id);
        }
        seq += 1;
        rows.push(row);
    }
    rows
}

fn role_and_parts(message: &PromptMessage) -> (MessageRole, Parts) {
    match message.role {
        PromptRole::System => (MessageRole::System, Parts::text(message.text.clone())),
        PromptRole::User => (MessageRole::User, Parts::text(message.text.clone())),
        PromptRole::Assistant => {
            let mut parts = Parts::text(message.text.clone());
            parts.0.extend(message.tool_calls.iter().map(|call| Part::ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                arguments: call.arguments.clone(),
                extra: call.extra.clone(),
            }));
            // Its content stands in the parts before.
            let beside = message.extra.iter().filter(|(name, _)| *name != "content");
            let beside = beside.map(|(name, value)| (name.clone(), value.clone())).collect();
            let extra = AnswerExtra::of_message(text::told_fields(beside, MAX_EXTRA_BYTES));
            parts.0.extend(Some(extra).filter(|extra| !extra.is_empty()).map(Part::Extra));
            (MessageRole::Assistant, parts)
        }
        PromptRole::Tool | PromptRole::Function => {
            let tool_call_id = message.tool_call_id.clone().unwrap_or_default();
            (MessageRole::Tool, Parts(vec![Part::ToolResult { tool_call_id, content: message.text.clone() }]))
        }
    }
}
