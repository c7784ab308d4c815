//! Edit a question: a sibling with a new answer; the old branch stays.

use domain::{
    access::{Actor, Permission},
    conversations::{MessageRole, Parts},
    ids::{ConversationId, MessageId},
};

use crate::{
    Error, ErrorKind, Idempotent, Outcome, Result,
    conversations::{
        Conversations, NewMessage, OpenedTurn,
        open::{Opening, Question, branch_in, message_in},
        send::opened_only,
    },
};

impl Conversations {
    /// Edits a question as a new branch beside the old one.
    ///
    /// # Errors
    /// As [`Conversations::send`]; `not_a_question` for a message that no person wrote.
    pub async fn edit(
        &self,
        actor: &Actor,
        conversation: ConversationId,
        message: MessageId,
        new: NewMessage,
        idempotent: Option<Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let this = self.clone();
        let actor = actor.clone();
        let edit = async move { this.edit_attached(&actor, conversation, message, new, idempotent).await };
        self.app.detached(edit).await
    }

    async fn edit_attached(
        &self,
        actor: &Actor,
        id: ConversationId,
        edited: MessageId,
        new: NewMessage,
        idempotent: Option<Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let scope = &self.app.parts.policy.allow(actor, Permission::ConversationsWrite)?;
        new.parts.check_from_user()?;
        let models = &self.resolve_models(scope, id, &new.models).await?;
        let (parts, options): (&Parts, _) = (&new.parts, &new.options);
        let expected_head = new.expected_head;
        let outcome = self
            .app
            .effect(actor, scope, idempotent.map(opened_only).as_ref(), |tx| async move {
                let conversation = self.lock_for_turn(tx.as_ref(), id, expected_head).await?;
                let old = message_in(tx.as_ref(), &conversation, edited, "message_id").await?;
                if old.role != MessageRole::User {
                    let message = "only a question can be edited; regenerate an answer instead";
                    return Err(Error::new(ErrorKind::Invalid, "not_a_question", message));
                }
                let above = match old.parent_id {
                    None => Vec::new(),
                    Some(parent) => branch_in(tx.as_ref(), &conversation, parent, "message_id").await?,
                };
                let opening = Opening {
                    conversation: &conversation,
                    above,
                    question: Some(Question { parts: parts.clone(), edited_from: Some(edited) }),
                    models,
                    options,
                    regenerated_from: None,
                };
                let opened = self.open(tx.as_ref(), actor, scope, opening).await?;
                Ok((opened, tx))
            })
            .await?;
        Ok(self.started(outcome))
    }
}
