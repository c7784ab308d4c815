//! Edit a question: a sibling with a new answer; the old branch stays.

use std::sync::Arc;

use domain::{
    access::{Actor, Permission},
    conversations::MessageRole,
    ids::{ConversationId, MessageId},
};

use crate::{
    Error, ErrorKind, Idempotent, Outcome, Result,
    conversations::{
        Conversations, NewMessage, OpenedTurn,
        models::Models,
        open::{Opening, Question, branch_in},
        tree::{locked, message_in},
    },
    unit_of_work::Uow,
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
        let (this, actor) = (self.clone(), Arc::new(actor.clone()));
        let edit = async move { this.edit_attached(&actor, conversation, message, new, idempotent.as_ref()).await };
        self.app.detached(edit).await
    }

    async fn edit_attached(
        &self,
        actor: &Arc<Actor>,
        id: ConversationId,
        edited: MessageId,
        new: NewMessage,
        idempotent: Option<&Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let scope = &self.app.allow(actor, Permission::ConversationsWrite)?;
        new.parts.check_from_user()?;
        let new = &new;
        let attempt = |models: Arc<Models>| async move {
            let models = &models;
            let work = |tx: Uow| async move {
                let conversation = locked(&tx, id, new.expected_head).await?;
                let models = self.models_of(models, &conversation)?;
                let old = message_in(&tx, &conversation, edited, "message_id").await?;
                if old.role != MessageRole::User {
                    let message = "only a question can be edited; regenerate an answer instead";
                    return Err(Error::new(ErrorKind::Invalid, "not_a_question", message));
                }
                let above = match old.parent_id {
                    None => Vec::new(),
                    Some(parent) => branch_in(&tx, &conversation, parent, "message_id").await?,
                };
                let opening = Opening {
                    actor,
                    conversation: &conversation,
                    above,
                    question: Some(Question { parts: new.parts.clone(), edited_from: Some(edited) }),
                    models: &models,
                    options: &new.options,
                    regenerated_from: None,
                    prompt: None,
                };
                self.open(&tx, opening).await
            };
            self.app.change_once(actor, scope, idempotent, work).await
        };
        self.with_models(&new.models, attempt).await
    }
}
