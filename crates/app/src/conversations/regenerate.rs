//! Regenerate: a new answer under the same question.

use std::sync::Arc;

use domain::{
    access::{Actor, Permission},
    conversations::{Message, MessageRole},
    gateways::ChatOptions,
    ids::{ConversationId, MessageId},
};

use crate::{
    Error, ErrorKind, Idempotent, Outcome, Result,
    conversations::{
        Conversations, OpenedTurn,
        models::Models,
        open::{Opening, branch_in},
        tree::{locked, message_in},
    },
    unit_of_work::Uow,
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
        let (this, actor) = (self.clone(), Arc::new(actor.clone()));
        let regenerate = async move {
            this.regenerate_attached(&actor, conversation, message, models, expected_head, idempotent.as_ref()).await
        };
        self.app.detached(regenerate).await
    }

    async fn regenerate_attached(
        &self,
        actor: &Arc<Actor>,
        id: ConversationId,
        target: MessageId,
        models: Vec<String>,
        expected_head: Option<i64>,
        idempotent: Option<&Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let scope = &self.app.allow(actor, Permission::ConversationsWrite)?;
        let attempt = |models: Arc<Models>| async move {
            let models = &models;
            let work = |tx: Uow| async move {
                let conversation = locked(&tx, id, expected_head).await?;
                let models = self.models_of(models, &conversation)?;
                let target = message_in(&tx, &conversation, target, "message_id").await?;
                let (question, regenerated_from) = question_of(&target)?;
                let above = branch_in(&tx, &conversation, question, "message_id").await?;
                if above.last().is_none_or(|question| question.role != MessageRole::User) {
                    return Err(not_an_answer("this answer has no question above it"));
                }
                let opening = Opening {
                    actor,
                    conversation: &conversation,
                    above,
                    question: None,
                    models: &models,
                    options: &ChatOptions::default(),
                    regenerated_from,
                    prompt: None,
                };
                self.open(&tx, opening).await
            };
            self.app.change_once(actor, scope, idempotent, work).await
        };
        self.with_models(&models, attempt).await
    }
}

/// The question that is asked again, and the answer beside which the new one stands.
fn question_of(target: &Message) -> Result<(MessageId, Option<MessageId>)> {
    match (target.role, target.parent_id) {
        (MessageRole::User, _) => Ok((target.id, None)),
        (MessageRole::Assistant, Some(parent)) => Ok((parent, Some(target.id))),
        _ => Err(not_an_answer("only an answer, or the question above it, can be regenerated")),
    }
}

fn not_an_answer(message: &str) -> Error {
    Error::new(ErrorKind::Invalid, "not_an_answer", message)
}
