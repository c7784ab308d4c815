//! The conversation.

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{CollectionId, ConversationId, MessageId, TenantId, UserId},
    names::names,
    usage::{TokenUsage, UsageTotals},
};

names! {
    /// Who in the tenant may read a conversation.
    pub enum Visibility ("visibility") {
        /// Its owner.
        Private = "private",
        /// Everybody in the tenant.
        Public = "public",
    }
}

names! {
    /// Where a conversation came from.
    pub enum Origin ("origin") {
        /// Begun here.
        App = "app",
        /// Begun by a call of the OpenAI face with `store: true`.
        OpenAi = "openai",
        /// Brought in from elsewhere.
        Import = "import",
        /// Copied out of another conversation.
        Fork = "fork",
    }
}

/// Where answers of a conversation look for passages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RetrievalChoice {
    /// In everything that the user may read.
    All,
    /// In these collections and those below them (rows of `conversation_collections`). An empty
    /// list means no retrieval.
    Collections(Vec<CollectionId>),
}

/// A tree of messages with a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its owner.
    pub user_id: UserId,
    /// Its title; `None` until it has one.
    pub title: Option<String>,
    /// Who may read it.
    pub visibility: Visibility,
    /// The model of its answers, unless a message names another; as the user named it.
    pub model: Option<String>,
    /// Instructions that stand before every prompt.
    pub system_prompt: Option<String>,
    /// Where its answers look for passages.
    pub retrieval: RetrievalChoice,
    /// The head: the end of the active branch.
    pub current_message_id: Option<MessageId>,
    /// Raised with every move of the head.
    pub head_version: i64,
    /// The `seq` that the next message gets; counts from 1.
    pub next_seq: i64,
    /// Where it came from.
    pub origin: Origin,
    /// The conversation it is a fork of.
    pub forked_from_conversation_id: Option<ConversationId>,
    /// When it was archived.
    pub archived_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Tokens of the latest answer.
    pub last_context: Option<TokenUsage>,
    /// Live messages.
    pub message_count: i64,
    /// Exact sums over its rows of the ledger.
    pub totals: UsageTotals,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

protected!(
    Conversation: Conversations, tenant |row| Some(row.tenant_id), owner |row| Some(row.user_id),
    shown |row| row.visibility == Visibility::Public,
);
