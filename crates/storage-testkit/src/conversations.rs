//! Conversations, messages, the tree, streams.

pub mod answers;
pub mod concurrent;
pub mod conversation;
pub mod flush;
pub mod messages;
pub mod oracle;
pub mod streams;
pub mod takeover;
pub mod tree;

use domain::conversations::{Conversation, Message};

use crate::{Cast, World, scopes};

/// A conversation of Ada with `length` messages in a row.
async fn talk(world: &World, cast: &Cast, length: i64) -> (Conversation, Vec<Message>) {
    let conversation = world.make.conversation(&cast.ada);
    let chain = world.make.chain(&conversation, length);
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await
        })
        .await;
    (conversation, chain)
}
