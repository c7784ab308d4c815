//! The rows of the context, one table a file, and how they become entities.

pub(crate) mod conversation_collections;
pub(crate) mod conversations;
pub(crate) mod messages;
pub(crate) mod stream_events;
pub(crate) mod streams;
