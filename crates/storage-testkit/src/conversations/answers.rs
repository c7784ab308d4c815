//! Answers: the steps of their status.

use domain::{
    conversations::{AnswerUpdate, Message, MessageStatus, Part, Parts},
    ids::{ConversationId, MessageId},
    money::Money,
    page::PageRequest,
    store::{StoreError, Tx},
    usage::TokenUsage,
};
use serde_json::json;

use super::{head_at, talk};
use crate::{World, assert_refused, open_stream, scopes};

fn update(world: &World, status: MessageStatus) -> AnswerUpdate {
    AnswerUpdate {
        status,
        parts: Parts::text("so far"),
        tokens: None,
        cost: None,
        finish_reason: None,
        error: None,
        at: world.make.in_seconds(1),
    }
}

/// An answer is written with everything that is known of it.
pub async fn an_answer_is_written(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let streaming = update(&world, MessageStatus::Streaming);
    world.write(&scope, async |tx| tx.messages().update_answer(chain[1].id, &streaming).await).await;
    let found = world.read(&scope, async |tx| tx.messages().get(chain[1].id).await).await;
    let expected = Message {
        status: MessageStatus::Streaming,
        parts: streaming.parts.clone(),
        updated_at: streaming.at,
        ..chain[1].clone()
    };
    assert_eq!(found.as_ref(), Some(&expected));
    let settled = AnswerUpdate {
        parts: Parts(vec![Part::Text { text: "done [1]".to_owned() }, Part::Source { citation_index: 1 }]),
        tokens: Some(TokenUsage { input_tokens: 7, output_tokens: 3, ..TokenUsage::default() }),
        cost: Some(Money(12)),
        finish_reason: Some("stop".to_owned()),
        error: Some(json!({ "code": "late" })),
        at: world.make.in_seconds(2),
        ..update(&world, MessageStatus::Complete)
    };
    world.write(&scope, async |tx| tx.messages().update_answer(chain[1].id, &settled).await).await;
    let expected = Message {
        status: MessageStatus::Complete,
        parts: settled.parts,
        input_tokens: Some(7),
        output_tokens: Some(3),
        cost: settled.cost,
        finish_reason: settled.finish_reason,
        error: settled.error,
        updated_at: settled.at,
        ..expected
    };
    assert_eq!(world.read(&scope, async |tx| tx.messages().get(chain[1].id).await).await, Some(expected));
}

/// I7: every step that is allowed is taken, every other is refused by a check and changes nothing.
pub async fn only_allowed_steps_are_taken(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 1).await;
    let mut seq = 1;
    for from in MessageStatus::ALL {
        for to in MessageStatus::ALL {
            seq += 1;
            let answer = Message { status: from, ..world.make.answer(&conversation, &chain[0], seq) };
            world.write(&scope, async |tx| tx.messages().insert(std::slice::from_ref(&answer)).await).await;
            let step = update(&world, to);
            let outcome = world.attempt(&scope, async |tx| tx.messages().update_answer(answer.id, &step).await).await;
            let found = world.read(&scope, async |tx| tx.messages().get(answer.id).await).await.unwrap();
            if from.may_become(to) {
                outcome.unwrap();
                assert_eq!(found.status, to);
            } else {
                assert_refused!(outcome, StoreError::Check(_));
                assert_eq!(found, answer);
            }
        }
    }
}

/// A command may be sent with others, before and behind it. Where it is refused all are undone, and its error
/// is told at the latest by the commit; where none is, each has done its own.
pub async fn a_refused_command_undoes_what_went_with_it(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let (_, elsewhere) = talk(&world, &cast, 2).await;
    let done = update(&world, MessageStatus::Complete);
    world.write(&scope, async |tx| tx.messages().update_answer(elsewhere[1].id, &done).await).await;
    let head = head_at(&world, &chain[1]);
    let nobody = MessageId(world.make.id());
    let stream = world.make.stream(&chain[1], &cast.ada);
    // Of what a turn writes, with one part that may be refused: an active child, an answer, a conversation.
    let turn = async |tx: &dyn Tx, parent: MessageId, answer: MessageId, of: ConversationId| {
        tx.audit().insert(&world.make.audit(&cast.ada)).await?;
        tx.messages().set_active_child(parent, chain[1].id).await?;
        tx.conversations().move_head(of, &head).await?;
        open_stream(tx, &stream).await?;
        tx.messages().update_answer(answer, &done).await
    };
    let gone = ConversationId(world.make.id());
    let unmoved = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
    for (parent, answer, of) in [
        (nobody, chain[1].id, conversation.id),
        (chain[0].id, nobody, conversation.id),
        (chain[0].id, chain[1].id, gone),
    ] {
        let outcome = world.attempt(&scope, async |tx| turn(tx, parent, answer, of).await).await;
        assert_refused!(outcome, StoreError::Stale);
    }
    let again = async |tx: &dyn Tx| turn(tx, chain[0].id, elsewhere[1].id, conversation.id).await;
    assert_refused!(world.attempt(&scope, again).await, StoreError::Check(_));
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.conversations().get(conversation.id).await?, unmoved);
            assert_eq!(tx.messages().tree(conversation.id, 0, 10).await?.items, chain);
            assert_eq!(tx.streams().get(stream.id).await?, None);
            assert_eq!(tx.audit().list(PageRequest::default()).await?.items, []);
            Ok(())
        })
        .await;
    world.write(&scope, async |tx| turn(tx, chain[0].id, chain[1].id, conversation.id).await).await;
    world
        .read(&scope, async |tx| {
            let moved = tx.conversations().get(conversation.id).await?.unwrap();
            assert_eq!((moved.current_message_id, moved.head_version), (Some(chain[1].id), 1));
            let messages = tx.messages().tree(conversation.id, 0, 10).await?.items;
            assert_eq!((messages[0].active_child_id, messages[1].status), (Some(chain[1].id), done.status));
            assert_eq!(tx.streams().get(stream.id).await?.as_ref(), Some(&stream));
            assert_eq!(tx.audit().list(PageRequest::default()).await?.items.len(), 1);
            Ok(())
        })
        .await;
}
