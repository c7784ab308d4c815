//! Conversations: the tree, the turn, the stream.
//!
//! Invariants (I1–I7), held by the database where it can:
//! - I1 a message's parent is in the same conversation and tenant;
//! - I2 `parent_id` never changes, and `seq(parent) < seq(child)`, so no cycle can arise;
//! - I3 `seq` is unique in a conversation and given under the conversation's lock;
//! - I4 there may be several roots;
//! - I5 `current_message_id` is null exactly when no live message exists, else a live message of
//!   this conversation; `active_child_id` is a live child of its row;
//! - I6 the grammar of [`message::may_follow`];
//! - I7 the steps of [`MessageStatus::may_become`].

pub mod conversation;
pub mod event;
pub mod links;
pub mod message;
pub mod part;
pub mod repo;
pub mod stored_events;
pub mod stream;

pub use conversation::{Conversation, Origin, RetrievalChoice, Visibility};
pub use event::TurnEvent;
pub use links::{AnswerLinks, OwnAddresses};
pub use message::{Message, MessageRole, MessageStatus};
pub use part::{Part, Parts};
pub use repo::{
    AnswerUpdate, ConversationFilter, ConversationRepo, HeadMove, MessageRepo, MostRunning, Sibling, StreamRepo,
};
pub use stream::{ExpiredStream, Stream, StreamAppend, StreamEvent, StreamLease, StreamState, TurnFailure};
