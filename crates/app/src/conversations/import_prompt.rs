//! The earlier messages of a prompt that a client wants stored become the beginning of a branch.

use std::sync::Arc;

use domain::{
    access::{Actor, Permission},
    conversations::{Conversation, HeadMove, Message, MessageRole, MessageStatus, Part, Parts, message::may_follow},
    gateways::{PromptMessage, PromptRole},
    ids::ConversationId,
};

use crate::{
    Result,
    audit::Act,
    conversations::{Conversations, blank, tree::locked},
    unit_of_work::Uow,
};

impl Conversations {
    /// Adds messages as one branch to a conversation that is empty. What breaks the grammar is kept
    /// and flagged.
    pub(crate) async fn import_prompt(
        &self,
        actor: &Actor,
        id: ConversationId,
        messages: &[PromptMessage],
    ) -> Result<()> {
        if messages.is_empty() {
            return Ok(());
        }
        let scope = self.app.allow(actor, Permission::ConversationsWrite)?;
        let by = &Arc::new(actor.clone());
        let work = |tx: Uow| async move {
            let conversation = locked(&tx, id, None).await?;
            let mut rows = rows_of(&tx, &conversation, by, messages);
            if let Some(first) = rows.first_mut() {
                // Somebody may have begun to talk meanwhile.
                first.version = tx.messages().next_version(id, None).await?;
            }
            tx.messages().insert(&rows).await?;
            let count = rows.len() as i64;
            let head = HeadMove {
                current_message_id: rows.last().map(|last| last.id),
                head_version: conversation.head_version + 1,
                next_seq: conversation.next_seq + count,
                message_count: conversation.message_count + count,
                at: tx.now(),
            };
            tx.conversations().move_head(id, &head).await?;
            Ok(((), Act::on("prompt_imported", "conversation", id.0)))
        };
        self.app.change_in(&scope, Some(by), work).await
    }
}

/// The messages as one branch, each the active child of the one before.
fn rows_of(tx: &Uow, conversation: &Conversation, actor: &Actor, messages: &[PromptMessage]) -> Vec<Message> {
    let mut rows: Vec<Message> = Vec::with_capacity(messages.len());
    for (seq, message) in (conversation.next_seq..).zip(messages) {
        let (role, parts) = role_and_parts(message);
        let parent = rows.last().map(|parent| parent.id);
        let mut row = blank::message(tx.app(), conversation, actor, parent, role, seq);
        row.parts = parts;
        row.status = MessageStatus::Complete;
        row.irregular = !may_follow(rows.last().map(|parent| parent.role), role);
        if let Some(parent) = rows.last_mut() {
            parent.active_child_id = Some(row.id);
        }
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
            (MessageRole::Assistant, parts)
        }
        PromptRole::Tool => {
            let tool_call_id = message.tool_call_id.clone().unwrap_or_default();
            (MessageRole::Tool, Parts(vec![Part::ToolResult { tool_call_id, content: message.text.clone() }]))
        }
    }
}
