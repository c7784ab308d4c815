//! Switch the active branch.

use domain::{
    access::{Actor, Permission},
    conversations::HeadMove,
    ids::{ConversationId, MessageId},
};
use serde_json::json;

use crate::{
    Idempotent, Outcome, Result,
    audit::Act,
    conversations::{
        Conversations, Head,
        tree::{locked, message_in},
    },
    unit_of_work::Uow,
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
        let work = move |tx: Uow| async move {
            let conversation = locked(&tx, conversation, expected_head).await?;
            let target = message_in(&tx, &conversation, message, "message_id").await?;
            tx.messages().activate_path(target.id).await?;
            let head = if exact { target.id } else { tx.messages().leaf(target.id).await? };
            let moved = HeadMove {
                current_message_id: Some(head),
                head_version: conversation.head_version + 1,
                next_seq: conversation.next_seq,
                message_count: conversation.message_count,
                at: tx.now(),
            };
            tx.conversations().move_head(conversation.id, &moved).await?;
            let after = json!({ "current_message_id": head });
            let act = Act::on("branch_switched", "conversation", conversation.id.0).now(after);
            Ok((Head { current_message_id: Some(head), head_version: moved.head_version }, act))
        };
        self.app.change(actor, Permission::ConversationsWrite, idempotent, work).await
    }
}
