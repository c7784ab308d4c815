//! Send a message: a question under the head or another message, and its pending answers.

use std::sync::Arc;

use domain::{
    access::{Actor, Permission},
    conversations::{Message, MessageRole, Parts, message::may_follow},
    gateways::ChatOptions,
    ids::{ConversationId, MessageId},
};
use serde_json::json;

use crate::{
    Error, ErrorKind, Idempotent, Outcome, Result,
    conversations::{
        Conversations, OpenedTurn,
        models::Models,
        open::{Opening, Question, branch_in},
        tree::locked,
    },
    unit_of_work::Uow,
};

/// A message to be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewMessage {
    /// What it says.
    pub parts: Parts,
    /// The message it goes under; `None`: the head.
    pub parent_id: Option<MessageId>,
    /// The models to ask, one answer each; empty: the conversation's.
    pub models: Vec<String>,
    /// How they are to answer. This holds for these answers alone, not for ones that are regenerated.
    pub options: ChatOptions,
    /// Refuse unless the head still has this version.
    pub expected_head: Option<i64>,
}

impl Conversations {
    /// Sends a message. Its answers are written in the background; follow their streams.
    ///
    /// # Errors
    /// `not_found`, `head_moved`, `generation_active`, `parent_not_ready`, `invalid`.
    pub async fn send(
        &self,
        actor: &Actor,
        conversation: ConversationId,
        message: NewMessage,
        idempotent: Option<Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let (this, actor) = (self.clone(), Arc::new(actor.clone()));
        let send = async move { this.send_attached(&actor, conversation, message, idempotent.as_ref()).await };
        self.app.detached(send).await
    }

    async fn send_attached(
        &self,
        actor: &Arc<Actor>,
        id: ConversationId,
        message: NewMessage,
        idempotent: Option<&Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let scope = &self.app.allow(actor, Permission::ConversationsWrite)?;
        message.parts.check_from_user()?;
        let message = &message;
        let attempt = |models: Arc<Models>| async move {
            let models = &models;
            let work = |tx: Uow| async move {
                let conversation = locked(&tx, id, message.expected_head).await?;
                let models = self.models_of(models, &conversation)?;
                let above = match message.parent_id.or(conversation.current_message_id) {
                    None => Vec::new(),
                    Some(parent) => branch_in(&tx, &conversation, parent, "parent_id").await?,
                };
                check_parent(above.last())?;
                let opening = Opening {
                    actor,
                    conversation: &conversation,
                    above,
                    question: Some(Question { parts: message.parts.clone(), edited_from: None }),
                    models: &models,
                    options: &message.options,
                    regenerated_from: None,
                    prompt: None,
                };
                self.open(&tx, opening).await
            };
            self.app.change_once(actor, scope, idempotent, work).await
        };
        self.with_models(&message.models, attempt).await
    }
}

fn check_parent(parent: Option<&Message>) -> Result<()> {
    if let Some(parent) = parent.filter(|parent| parent.status.is_unfinished()) {
        let message = "the message above is still being written; wait for it, or stop it";
        let details = json!({ "message_id": parent.id });
        return Err(Error::new(ErrorKind::Conflict, "parent_not_ready", message).with_details(details));
    }
    if !may_follow(parent.map(|parent| parent.role), MessageRole::User) {
        let message = "a question cannot follow a question; name an answer as 'parent_id', or edit the question";
        return Err(Error::new(ErrorKind::Invalid, "grammar", message));
    }
    Ok(())
}
