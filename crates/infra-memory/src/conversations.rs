//! Conversations, messages, streams.

mod messages;
mod repo;
mod streams;
mod tree;
