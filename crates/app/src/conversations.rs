//! Conversations: the tree, the turn, the stream.

use domain::{
    conversations::{Conversation, Message},
    ids::{ConversationId, MessageId, StreamId},
    knowledge::CitedPassage,
};

use crate::App;

mod blank;
mod create;
mod edit;
mod flusher;
mod follow;
mod keep_prompt;
mod live;
mod models;
mod open;
mod read;
mod regenerate;
mod report;
mod send;
mod stop;
mod switch;
mod tree;
pub(crate) mod turn;

pub use create::{MAX_SYSTEM_PROMPT_BYTES, NewConversation};
pub(crate) use flusher::Flusher;
pub use follow::{FollowedEvent, Following};
pub(crate) use live::LiveStreams;
pub use models::MAX_MODELS;
pub use read::{BranchPage, MessageView, TreePage};
pub use report::{UsageReport, UsageShare};
pub use send::NewMessage;
pub(crate) use turn::{MAX_ANSWER_BYTES, TOO_SLOW};

/// The use cases of conversations.
#[derive(Clone)]
pub struct Conversations {
    pub(crate) app: App,
}

/// A turn that has been opened: its answers are being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedTurn {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The question (on regenerate the existing one).
    pub user_message_id: MessageId,
    /// The answers to come with their streams, in the order of the models asked for.
    pub answers: Vec<(MessageId, StreamId)>,
    /// The head: the first answer.
    pub current_message_id: MessageId,
    /// The head's new version.
    pub head_version: i64,
}

/// Where the head of a conversation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The head.
    pub current_message_id: Option<MessageId>,
    /// Its version.
    pub head_version: i64,
}

impl From<&Conversation> for Head {
    fn from(conversation: &Conversation) -> Self {
        Self { current_message_id: conversation.current_message_id, head_version: conversation.head_version }
    }
}

/// Puts messages, their siblings and citations together.
fn citations_of(message: &Message, all: &[CitedPassage]) -> Vec<CitedPassage> {
    all.iter().filter(|cited| cited.citation.message_id == message.id).cloned().collect()
}
