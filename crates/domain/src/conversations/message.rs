//! The message: a node of the tree.

use crate::{
    clock::Timestamp,
    conversations::Parts,
    ids::{ConversationId, MessageId, TenantId, UserId},
    money::Money,
    names::names,
};

names! {
    /// Who wrote a message.
    pub enum MessageRole ("role") {
        /// Instructions.
        System = "system",
        /// The person.
        User = "user",
        /// A model.
        Assistant = "assistant",
        /// A tool.
        Tool = "tool",
    }
}

/// Invariant I6: whether a message of `role` may stand under one of `parent` (`None`: as a root).
///
/// `system` stands only at the root; an assistant follows a user, a tool or an assistant; a tool
/// follows an assistant; a user follows anything but a user (an answer is pending under a user), or
/// begins.
#[must_use]
pub const fn may_follow(parent: Option<MessageRole>, role: MessageRole) -> bool {
    use MessageRole as R;
    match role {
        R::System => parent.is_none(),
        R::User => !matches!(parent, Some(R::User)),
        R::Assistant => matches!(parent, Some(R::User | R::Tool | R::Assistant)),
        R::Tool => matches!(parent, Some(R::Assistant)),
    }
}

names! {
    /// Where a message stands. What people write is `complete` at once.
    pub enum MessageStatus ("status") {
        /// Waits for its first token.
        Pending = "pending",
        /// Being written.
        Streaming = "streaming",
        /// Whole.
        Complete = "complete",
        /// Ended by its reader; the text so far stays.
        Stopped = "stopped",
        /// Ended by a failure; the text so far stays.
        Error = "error",
        /// Ended by a crash or a broken upstream; the text so far stays.
        Interrupted = "interrupted",
    }
}

impl MessageStatus {
    /// Whether the answer is still to come, in whole or in part.
    #[must_use]
    pub const fn is_unfinished(self) -> bool {
        matches!(self, Self::Pending | Self::Streaming)
    }

    /// Invariant I7: `pending → streaming | complete | stopped | error | interrupted`,
    /// `streaming → complete | stopped | error | interrupted`. (An answer that is whole at once
    /// need not be shown as streaming first.) The database has the same rule.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => !matches!(next, Self::Pending),
            Self::Streaming => !next.is_unfinished(),
            _ => false,
        }
    }
}

/// A node of a conversation's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// Who wrote or asked for it; `None` once that user is gone.
    pub user_id: Option<UserId>,
    /// The message before it; `None`: a root.
    pub parent_id: Option<MessageId>,
    /// Its place in the conversation's history, from 1.
    pub seq: i64,
    /// Who wrote it.
    pub role: MessageRole,
    /// Where it stands.
    pub status: MessageStatus,
    /// What it says.
    pub parts: Parts,
    /// Uploaded files and generated pictures that go with it.
    pub attachments: Vec<serde_json::Value>,
    /// Full name of the model, on answers.
    pub model: Option<String>,
    /// Tokens read for it, on settled answers.
    pub input_tokens: Option<u64>,
    /// Tokens written for it, on settled answers.
    pub output_tokens: Option<u64>,
    /// Its cost, on settled answers; `None`: unknown or none yet.
    pub cost: Option<Money>,
    /// Its ordinal among its siblings, from 1, given once.
    pub version: i32,
    /// Its text was changed in place.
    pub is_edited: bool,
    /// Raised with every change in place; from 1.
    pub content_version: i32,
    /// The child on the branch that was last active.
    pub active_child_id: Option<MessageId>,
    /// The message it is an edited form of.
    pub edited_from_id: Option<MessageId>,
    /// The answer it was regenerated from.
    pub regenerated_from_id: Option<MessageId>,
    /// The message it was copied from by a fork.
    pub forked_from_id: Option<MessageId>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// Why it failed: `{code, message}`.
    pub error: Option<serde_json::Value>,
    /// An import that breaks the grammar.
    pub irregular: bool,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// The deletion it went with, for undo.
    pub deletion_id: Option<uuid::Uuid>,
    /// The caller's own.
    pub metadata: serde_json::Value,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
