//! The earlier messages of a prompt that a client wants stored become the beginning of a branch.

use domain::{
    access::{Actor, Permission},
    conversations::{HeadMove, MessageRole, MessageStatus, Part, Parts, message::may_follow},
    gateways::{PromptMessage, PromptRole},
    ids::ConversationId,
};

use crate::{
    Error, Result,
    audit::Act,
    conversations::{Conversations, open::blank},
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
        let app = &self.app;
        let scope = app.parts.policy.allow(actor, Permission::ConversationsWrite)?;
        let tx = app.write(&scope).await?;
        let found = tx.conversations().lock(id).await?;
        let conversation = found.ok_or_else(|| Error::not_found("conversation", id.0))?;
        let mut rows = Vec::with_capacity(messages.len());
        let mut parent: Option<(domain::ids::MessageId, MessageRole)> = None;
        for (seq, message) in (conversation.next_seq..).zip(messages) {
            let (role, parts) = role_and_parts(message);
            let mut row = blank(app, &conversation, actor, parent.map(|(id, _)| id), role, seq);
            row.parts = parts;
            row.status = MessageStatus::Complete;
            row.irregular = !may_follow(parent.map(|(_, role)| role), role);
            parent = Some((row.id, role));
            rows.push(row);
        }
        for index in 1..rows.len() {
            rows[index - 1].active_child_id = Some(rows[index].id);
        }
        tx.messages().insert(&rows).await?;
        let count = rows.len() as i64;
        let head = HeadMove {
            current_message_id: parent.map(|(id, _)| id),
            head_version: conversation.head_version + 1,
            next_seq: conversation.next_seq + count,
            message_count: conversation.message_count + count,
            at: app.now(),
        };
        tx.conversations().move_head(id, &head).await?;
        app.audit(tx.as_ref(), actor, Act::on("prompt_imported", "conversation", id.0)).await?;
        Ok(tx.commit().await?)
    }
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
            }));
            (MessageRole::Assistant, parts)
        }
        PromptRole::Tool => {
            let tool_call_id = message.tool_call_id.clone().unwrap_or_default();
            (MessageRole::Tool, Parts(vec![Part::ToolResult { tool_call_id, content: message.text.clone() }]))
        }
    }
}
