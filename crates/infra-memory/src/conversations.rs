//! Conversations, messages, streams.

mod messages;
mod repo;
mod rows;
mod streams;
mod tree;

pub(crate) use rows::{ChosenCollection, StoredEvent};
