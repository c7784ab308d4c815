//! Answers: the steps of their status.

use domain::{
    conversations::{AnswerUpdate, Message, MessageStatus, Part, Parts},
    money::Money,
    store::StoreError,
    usage::TokenUsage,
};
use serde_json::json;

use super::talk;
use crate::{World, assert_refused, scopes};

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
