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

use domain::conversations::{Conversation, HeadMove, Message, Stream};

use crate::{Cast, World, open_stream, scopes};

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

/// The move of the head to the last of two messages.
fn head_at(world: &World, last: &Message) -> HeadMove {
    let at = world.make.in_seconds(1);
    HeadMove { current_message_id: Some(last.id), head_version: 1, next_seq: 3, message_count: 2, at }
}

/// A running stream of Eve, in another tenant than Ada's.
async fn stream_of_eve(world: &World, cast: &Cast) -> Stream {
    let conversation = world.make.conversation(&cast.eve);
    let chain = world.make.chain(&conversation, 2);
    let stream = world.make.stream(&chain[1], &cast.eve);
    world
        .write(&scopes::own(&cast.eve), async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await?;
            open_stream(tx, &stream).await
        })
        .await;
    stream
}
