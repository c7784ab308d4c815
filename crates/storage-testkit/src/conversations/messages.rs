//! Messages: what may be added, and what comes back.

use domain::{
    conversations::{Message, MessageRole, MessageStatus, Part, Parts},
    money::Money,
    store::StoreError,
};
use serde_json::json;
use uuid::Uuid;

use super::talk;
use crate::{World, assert_conflict, assert_refused, scopes};

/// Every field comes back, with parts of every type.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let (_, elsewhere) = talk(&world, &cast, 1).await;
    let full = Message {
        status: MessageStatus::Interrupted,
        parts: Parts(vec![
            Part::Text { text: "see [1]".to_owned() },
            Part::Reasoning { text: "hm".to_owned() },
            Part::Image { file_id: Uuid::from_u128(1) },
            Part::File { file_id: Uuid::from_u128(2) },
            Part::ToolCall { id: "c1".to_owned(), name: "search".to_owned(), arguments: "{\"q\": 1}".to_owned() },
            Part::ToolResult { tool_call_id: "c1".to_owned(), content: "two".to_owned() },
            Part::Source { citation_index: 1 },
        ]),
        attachments: vec![json!({ "file_id": "f", "pages": [1, 2.5, null, true] })],
        model: Some("openai/gpt".to_owned()),
        input_tokens: Some(0),
        output_tokens: Some(7),
        cost: Some(Money(-1)),
        version: 3,
        is_edited: true,
        content_version: 4,
        edited_from_id: Some(chain[0].id),
        regenerated_from_id: Some(chain[1].id),
        forked_from_id: Some(elsewhere[0].id),
        finish_reason: Some("length".to_owned()),
        error: Some(json!({ "code": "upstream", "message": "it broke" })),
        metadata: json!({ "z": 1, "a": { "b": [] }, "n": 12_345_678_901_234_567_u64 }),
        created_at: world.make.in_seconds(1),
        updated_at: world.make.in_seconds(2),
        ..world.make.answer(&conversation, &chain[0], 3)
    };
    let nobody = Message { user_id: None, ..world.make.question(&conversation, Some(&chain[1]), 4) };
    let system = world.make.message(&conversation, None, 5, MessageRole::System);
    let tool = world.make.message(&conversation, Some(&full), 6, MessageRole::Tool);
    let added = [full, nobody, system, tool];
    world.write(&scope, async |tx| tx.messages().insert(&added).await).await;
    for message in added {
        assert_eq!(world.read(&scope, async |tx| tx.messages().get(message.id).await).await, Some(message));
    }
}

/// Messages of one call may point at each other; a child may be named active before it is added.
pub async fn a_call_may_refer_to_its_own_messages(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, _) = talk(&world, &cast, 0).await;
    let mut chain = world.make.chain(&conversation, 3);
    chain[0].active_child_id = Some(chain[1].id);
    chain[1].active_child_id = Some(chain[2].id);
    world.write(&scope, async |tx| tx.messages().insert(&chain).await).await;
    let found = world.read(&scope, async |tx| tx.messages().branch(chain[2].id, 10).await).await;
    assert_eq!(found, chain);
}

/// I1: a parent is a message of the same conversation and tenant.
pub async fn a_parent_is_of_the_same_conversation(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let (_, elsewhere) = talk(&world, &cast, 2).await;
    let next = world.make.question(&conversation, Some(&chain[1]), 3);
    let active = Some(elsewhere[0].id);
    for broken in [
        Message { parent_id: Some(elsewhere[1].id), ..next.clone() },
        Message { parent_id: Some(world.make.id()), ..next.clone() },
        Message { conversation_id: world.make.id(), parent_id: None, ..next.clone() },
        Message { user_id: Some(cast.eve.id), ..next.clone() },
        Message { active_child_id: active, ..next.clone() },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.messages().insert(std::slice::from_ref(&broken)).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let found = world.read(&scope, async |tx| tx.messages().tree(conversation.id, 0, 10).await).await;
    assert_eq!(found.items, chain);
}

/// I2: a message comes after its parent, so no cycle can arise.
pub async fn a_message_comes_after_its_parent(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, _) = talk(&world, &cast, 0).await;
    let root = world.make.question(&conversation, None, 5);
    let early = world.make.answer(&conversation, &root, 4);
    let outcome = world.attempt(&scope, async |tx| tx.messages().insert(&[root, early]).await).await;
    assert_refused!(outcome, StoreError::Check(_));
}

/// I3: `seq` is unique in a conversation, and free in another.
pub async fn seq_is_unique_in_its_conversation(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let twin = world.make.answer(&conversation, &chain[0], 2);
    let outcome = world.attempt(&scope, async |tx| tx.messages().insert(&[twin]).await).await;
    assert_conflict(outcome, &["messages", "seq"]);
    talk(&world, &cast, 2).await;
}

/// I6: the grammar of roles, unless the message is marked as irregular.
pub async fn the_grammar_of_roles_is_kept(world: World) {
    use MessageRole as R;
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let broken =
        [(Some(&chain[1]), R::System), (Some(&chain[0]), R::User), (Some(&chain[0]), R::Tool), (None, R::Tool)];
    for (seq, (parent, role)) in (3..).zip(broken) {
        let message = world.make.message(&conversation, parent, seq, role);
        let irregular = Message { irregular: true, ..message.clone() };
        let outcome = world.attempt(&scope, async |tx| tx.messages().insert(&[message]).await).await;
        assert_refused!(outcome, StoreError::Check(_));
        world.write(&scope, async |tx| tx.messages().insert(&[irregular]).await).await;
    }
}

/// Messages are read as their conversation is, and nobody adds to what it does not reach.
pub async fn messages_are_out_of_reach_for_others(world: World) {
    let cast = world.cast().await;
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let next = world.make.question(&conversation, Some(&chain[1]), 3);
    for scope in cast.strangers() {
        world
            .read(&scope, async |tx| {
                let messages = tx.messages();
                assert_eq!(messages.get(chain[0].id).await?, None);
                assert_eq!(messages.branch(chain[1].id, 10).await?, []);
                assert_eq!(messages.tree(conversation.id, 0, 10).await?.items, []);
                assert_eq!(messages.siblings(conversation.id, &[None, Some(chain[0].id)]).await?, []);
                assert_refused!(messages.leaf(chain[0].id).await, StoreError::Stale);
                Ok(())
            })
            .await;
        let outcome = world.attempt(&scope, async |tx| tx.messages().activate_path(chain[1].id).await).await;
        assert_refused!(outcome, StoreError::Stale);
        let outcome =
            world.attempt(&scope, async |tx| tx.messages().set_active_child(chain[0].id, chain[1].id).await).await;
        assert_refused!(outcome, StoreError::Stale);
        let outcome = world.attempt(&scope, async |tx| tx.messages().insert(std::slice::from_ref(&next)).await).await;
        assert!(outcome.is_err(), "a stranger added a message: {scope:?}");
    }
    let found = world.read(&scopes::own(&cast.ada), async |tx| tx.messages().tree(conversation.id, 0, 10).await).await;
    assert_eq!(found.items, chain);
}

/// Deleted messages are as if they did not exist, but keep their ordinal.
pub async fn deleted_messages_are_gone(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 1).await;
    let deleted = Message {
        deleted_at: Some(world.make.now()),
        deletion_id: Some(Uuid::from_u128(9)),
        version: 6,
        ..world.make.answer(&conversation, &chain[0], 2)
    };
    world.write(&scope, async |tx| tx.messages().insert(std::slice::from_ref(&deleted)).await).await;
    world
        .read(&scope, async |tx| {
            let messages = tx.messages();
            assert_eq!(messages.get(deleted.id).await?, None);
            assert_eq!(messages.tree(conversation.id, 0, 10).await?.items, chain);
            assert_eq!(messages.siblings(conversation.id, &[Some(chain[0].id)]).await?, []);
            assert_eq!(messages.next_version(conversation.id, Some(chain[0].id)).await?, 7);
            assert_eq!(messages.leaf(chain[0].id).await?, chain[0].id);
            Ok(())
        })
        .await;
}
