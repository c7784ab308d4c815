//! Regenerate: a new answer under the same question.

use domain::{
    access::{Actor, Permission},
    conversations::MessageRole,
    gateways::ChatOptions,
    ids::{ConversationId, MessageId},
};

use crate::{
    Error, ErrorKind, Idempotent, Outcome, Result,
    conversations::{
        Conversations, OpenedTurn,
        open::{Opening, branch_in, message_in},
        send::opened_only,
    },
};

impl Conversations {
    /// Asks again: a new answer beside the named one, or under the named question.
    ///
    /// # Errors
    /// As [`Conversations::send`]; `not_an_answer` for what has no question above it.
    pub async fn regenerate(
        &self,
        actor: &Actor,
        conversation: ConversationId,
        message: MessageId,
        models: Vec<String>,
        expected_head: Option<i64>,
        idempotent: Option<Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let this = self.clone();
        let actor = actor.clone();
        let regenerate = async move {
            this.regenerate_attached(&actor, conversation, message, models, expected_head, idempotent).await
        };
        self.app.detached(regenerate).await
    }

    async fn regenerate_attached(
        &self,
        actor: &Actor,
        id: ConversationId,
        target: MessageId,
        models: Vec<String>,
        expected_head: Option<i64>,
        idempotent: Option<Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let scope = &self.app.parts.policy.allow(actor, Permission::ConversationsWrite)?;
        let models = &self.resolve_models(scope, id, &models).await?;
        let outcome = self
            .app
            .effect(actor, scope, idempotent.map(opened_only).as_ref(), |tx| async move {
                let conversation = self.lock_for_turn(tx.as_ref(), id, expected_head).await?;
                let target = message_in(tx.as_ref(), &conversation, target, "message_id").await?;
                let (question, regenerated_from) = match (target.role, target.parent_id) {
                    (MessageRole::User, _) => (target.id, None),
                    (MessageRole::Assistant, Some(parent)) => (parent, Some(target.id)),
                    _ => {
                        let message = "only an answer, or the question above it, can be regenerated";
                        return Err(Error::new(ErrorKind::Invalid, "not_an_answer", message));
                    }
                };
                let above = branch_in(tx.as_ref(), &conversation, question, "message_id").await?;
                if above.last().is_none_or(|question| question.role != MessageRole::User) {
                    let message = "this answer has no question above it";
                    return Err(Error::new(ErrorKind::Invalid, "not_an_answer", message));
                }
                let opening = Opening {
                    conversation: &conversation,
                    above,
                    question: None,
                    models,
                    options: &ChatOptions::default(),
                    regenerated_from,
                };
                let opened = self.open(tx.as_ref(), actor, scope, opening).await?;
                Ok((opened, tx))
            })
            .await?;
        Ok(self.started(outcome))
    }
}
