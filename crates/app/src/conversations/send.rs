//! Send a message: a question under the head or another message, and its pending answers.

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
        open::{Opening, Question, branch_in},
    },
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
        let this = self.clone();
        let actor = actor.clone();
        self.app.detached(async move { this.send_attached(&actor, conversation, message, idempotent).await }).await
    }

    async fn send_attached(
        &self,
        actor: &Actor,
        id: ConversationId,
        message: NewMessage,
        idempotent: Option<Idempotent<OpenedTurn>>,
    ) -> Result<Outcome<OpenedTurn>> {
        let scope = &self.app.parts.policy.allow(actor, Permission::ConversationsWrite)?;
        message.parts.check_from_user()?;
        let models = &self.resolve_models(scope, id, &message.models).await?;
        let message = &message;
        let outcome = self
            .app
            .effect(actor, scope, idempotent.map(opened_only).as_ref(), |tx| async move {
                let conversation = self.lock_for_turn(tx.as_ref(), id, message.expected_head).await?;
                let above = match message.parent_id.or(conversation.current_message_id) {
                    None => Vec::new(),
                    Some(parent) => branch_in(tx.as_ref(), &conversation, parent, "parent_id").await?,
                };
                check_parent(above.last())?;
                let opening = Opening {
                    conversation: &conversation,
                    above,
                    question: Some(Question { parts: message.parts.clone(), edited_from: None }),
                    models,
                    options: &message.options,
                    regenerated_from: None,
                };
                let opened = self.open(tx.as_ref(), actor, scope, opening).await?;
                Ok((opened, tx))
            })
            .await?;
        Ok(self.started(outcome))
    }

    /// Starts the pumps of what was opened now.
    pub(crate) fn started(
        &self,
        outcome: Outcome<(OpenedTurn, Vec<crate::conversations::turn::Turn>)>,
    ) -> Outcome<OpenedTurn> {
        match outcome {
            Outcome::Done((opened, turns)) => {
                self.start(turns);
                Outcome::Done(opened)
            }
            Outcome::Replayed(answer) => Outcome::Replayed(answer),
        }
    }
}

/// The same request, rendering only the part of the value that callers see.
pub(crate) fn opened_only<T: 'static>(request: Idempotent<OpenedTurn>) -> Idempotent<(OpenedTurn, T)> {
    let Idempotent { key, fingerprint, render } = request;
    Idempotent { key, fingerprint, render: std::sync::Arc::new(move |(opened, _): &(OpenedTurn, T)| render(opened)) }
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
