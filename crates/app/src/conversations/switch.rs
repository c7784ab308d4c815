//! Switch the branch on show.

use domain::{
    access::{Actor, Permission},
    conversations::HeadMove,
    ids::{ConversationId, MessageId},
};
use serde_json::json;

use crate::{
    Error, Idempotent, Outcome, Result,
    audit::Act,
    conversations::{Conversations, Head, open::message_in},
};

impl Conversations {
    /// Shows the branch through a message: its leaf becomes the head, or with `exact` itself.
    ///
    /// # Errors
    /// `not_found`; `invalid` for a message of another conversation; `head_moved`.
    pub async fn switch(
        &self,
        actor: &Actor,
        conversation: ConversationId,
        message: MessageId,
        exact: bool,
        expected_head: Option<i64>,
        idempotent: Option<Idempotent<Head>>,
    ) -> Result<Outcome<Head>> {
        let this = self.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let scope = &this.app.parts.policy.allow(&actor, Permission::ConversationsWrite)?;
                this.app
                    .effect(&actor, scope, idempotent.as_ref(), |tx| {
                        let (this, actor) = (&this, &actor);
                        async move {
                            let found = tx.conversations().lock(conversation).await?;
                            let conversation = found.ok_or_else(|| Error::not_found("conversation", conversation.0))?;
                            if expected_head.is_some_and(|version| version != conversation.head_version) {
                                return Err(super::open::head_moved(&conversation));
                            }
                            let target = message_in(tx.as_ref(), &conversation, message, "message_id").await?;
                            tx.messages().activate_path(target.id).await?;
                            let head = if exact { target.id } else { tx.messages().leaf(target.id).await? };
                            let moved = HeadMove {
                                current_message_id: Some(head),
                                head_version: conversation.head_version + 1,
                                next_seq: conversation.next_seq,
                                message_count: conversation.message_count,
                                at: this.app.now(),
                            };
                            tx.conversations().move_head(conversation.id, &moved).await?;
                            let act = Act::on("branch_switched", "conversation", conversation.id.0)
                                .now(json!({ "current_message_id": head }));
                            this.app.audit(tx.as_ref(), actor, act).await?;
                            let head = Head { current_message_id: Some(head), head_version: moved.head_version };
                            Ok((head, tx))
                        }
                    })
                    .await
            })
            .await
    }
}
