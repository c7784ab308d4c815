//! Finding the places of the tree that a request names.

use domain::{
    access::Actor,
    conversations::{Conversation, Message, Visibility},
    error::ValueError,
    ids::{ConversationId, MessageId},
};
use serde_json::json;

use crate::{App, Error, ErrorKind, Result, audit::Act, unit_of_work::Uow};

/// The conversation, or the error that it is not there.
pub(super) async fn conversation(tx: &Uow, id: ConversationId) -> Result<Conversation> {
    tx.conversations().get(id).await?.ok_or_else(|| Error::not_found("conversation", id.0))
}

impl App {
    /// Puts on record that who runs the tenant reads a conversation that is another's and not shown to all.
    pub(super) async fn note_reading(&self, actor: &Actor, conversation: &Conversation) -> Result<()> {
        if Some(conversation.user_id) == actor.owner() || conversation.visibility == Visibility::Public {
            return Ok(());
        }
        let read = Act::on("conversation_read", "conversation", conversation.id.0);
        self.record_reading(actor, conversation.tenant_id, read).await
    }
}

/// The conversation, locked; refused when the caller has seen an older head.
pub(super) async fn locked(tx: &Uow, id: ConversationId, expected_head: Option<i64>) -> Result<Conversation> {
    let found = tx.conversations().lock(id).await?;
    let conversation = found.ok_or_else(|| Error::not_found("conversation", id.0))?;
    if expected_head.is_some_and(|version| version != conversation.head_version) {
        let message = "the conversation has moved on; read it again, or leave out If-Match to branch";
        let details = json!({
            "head_version": conversation.head_version,
            "current_message_id": conversation.current_message_id,
        });
        return Err(Error::new(ErrorKind::PreconditionFailed, "head_moved", message).with_details(details));
    }
    Ok(conversation)
}

/// The message of this conversation, or the error that says what is wrong.
pub(super) async fn message_in(
    tx: &Uow,
    conversation: &Conversation,
    id: MessageId,
    field: &'static str,
) -> Result<Message> {
    let found = tx.messages().get(id).await?;
    let message = found.ok_or_else(|| Error::not_found("message", id.0))?;
    if message.conversation_id != conversation.id {
        let message = "must be a message of this conversation";
        return Err(ValueError::new(field, "other_conversation", message).into());
    }
    Ok(message)
}
