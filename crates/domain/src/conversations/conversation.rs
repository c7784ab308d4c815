//! The conversation.

use crate::{
    clock::Timestamp,
    error::ValueError,
    ids::{CollectionId, ConversationId, MessageId, TenantId, UserId},
    usage::{TokenUsage, UsageTotals},
};

/// Who in the tenant may read a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Its owner.
    Private,
    /// Everybody in the tenant.
    Public,
}

impl Visibility {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }

    /// Parses the stable name.
    ///
    /// # Errors
    /// `unknown_visibility` for the field `visibility`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        match value {
            "private" => Ok(Self::Private),
            "public" => Ok(Self::Public),
            _ => Err(ValueError::new("visibility", "unknown_visibility", "must be 'private' or 'public'")),
        }
    }
}

/// Where a conversation came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Begun here.
    App,
    /// Begun by a call of the OpenAI face with `store: true`.
    OpenAi,
    /// Brought in from elsewhere.
    Import,
    /// Copied out of another conversation.
    Fork,
}

impl Origin {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::OpenAi => "openai",
            Self::Import => "import",
            Self::Fork => "fork",
        }
    }

    /// Parses the stable name.
    ///
    /// # Errors
    /// `unknown_origin` for the field `origin`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        [Self::App, Self::OpenAi, Self::Import, Self::Fork]
            .into_iter()
            .find(|origin| origin.as_str() == value)
            .ok_or_else(|| ValueError::new("origin", "unknown_origin", "is not an origin of a conversation"))
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
    /// The head: the end of the branch on show.
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
