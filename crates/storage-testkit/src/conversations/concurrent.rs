//! Many at once in one conversation.

use domain::{
    conversations::{HeadMove, MostRunning},
    money::Money,
    store::{Mode, StoreError},
    usage::UsageTotals,
};

use super::talk;
use crate::{World, scopes};

/// Units of work at once.
const TASKS: i64 = 12;
/// What each of them does, one after the other.
const ROUNDS: i64 = 4;
/// Tries of one that loses to others.
const MAX_TRIES: u32 = 50;

/// Totals are added to without a lock, and nothing is lost.
pub async fn usage_of_many_turns_adds_up(world: World) {
    let cast = world.cast().await;
    let (conversation, _) = talk(&world, &cast, 1).await;
    let one = UsageTotals { requests: 1, input_tokens: 10, output_tokens: 5, cost: Money(3), unknown_costs: 1 };
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (store, scope) = (world.store.clone(), scopes::own(&cast.ada));
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    let tx = store.begin(&scope, Mode::Write).await?;
                    tx.conversations().add_usage(conversation.id, one, None).await?;
                    tx.commit().await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let scope = scopes::own(&cast.ada);
    let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await.unwrap();
    let count = TASKS * ROUNDS;
    assert_eq!(found.totals.cost, Money(3 * count));
    assert_eq!(found.totals.requests, count.unsigned_abs());
    assert_eq!(found.totals.input_tokens, 10 * count.unsigned_abs());
    assert_eq!(found.totals.output_tokens, 5 * count.unsigned_abs());
    assert_eq!(found.totals.unknown_costs, count.unsigned_abs());
}

/// I3: those who send at once take their `seq` under the conversation's lock: every message is there,
/// no number is given twice, and the head has moved once for each.
pub async fn many_sends_lose_no_message(world: World) {
    let cast = world.cast().await;
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let scope = scopes::own(&cast.ada);
    let start = HeadMove {
        current_message_id: Some(chain[1].id),
        head_version: 1,
        next_seq: 3,
        message_count: 2,
        at: world.make.now(),
    };
    world.write(&scope, async |tx| tx.conversations().move_head(conversation.id, &start).await).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (world, scope, parent) = (world.clone(), scope.clone(), chain[1].clone());
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    let mut tries = 0;
                    while let Err(error) = send(&world, &scope, &parent).await {
                        tries += 1;
                        assert!(matches!(error, StoreError::Retry) && tries < MAX_TRIES, "a send failed: {error}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let sends = TASKS * ROUNDS;
    let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await.unwrap();
    assert_eq!((found.next_seq, found.head_version), (3 + sends, 1 + sends));
    let tree = world.read(&scope, async |tx| tx.messages().tree(conversation.id, 0, 1_000).await).await;
    let seqs: Vec<i64> = tree.items.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..3 + sends).collect::<Vec<_>>());
    let mut versions: Vec<i32> = tree.items[2..].iter().map(|message| message.version).collect();
    versions.sort_unstable();
    assert!(versions.into_iter().eq(1..=i32::try_from(sends).unwrap()), "every sibling has an ordinal of its own");
}

async fn send(
    world: &World,
    scope: &domain::access::Scope,
    parent: &domain::conversations::Message,
) -> Result<(), StoreError> {
    let tx = world.store.begin(scope, Mode::Write).await?;
    let locked = tx.conversations().lock(parent.conversation_id).await?.expect("the conversation is there");
    let mut message = world.make.question(&locked, Some(parent), locked.next_seq);
    message.version = tx.messages().next_version(locked.id, Some(parent.id)).await?;
    tx.messages().insert(std::slice::from_ref(&message)).await?;
    let head = HeadMove {
        current_message_id: Some(message.id),
        head_version: locked.head_version + 1,
        next_seq: locked.next_seq + 1,
        message_count: locked.message_count + 1,
        at: world.make.now(),
    };
    tx.conversations().move_head(locked.id, &head).await?;
    tx.commit().await
}

/// Of many streams that a user opens at once, each in a conversation of its own, as many run as may.
pub async fn no_more_streams_run_than_may(world: World) {
    const MOST: MostRunning = MostRunning { in_conversation: 8, of_asker: 3 };
    let cast = world.cast().await;
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        let (_, chain) = talk(&world, &cast, 2).await;
        let stream = world.make.stream(&chain[1], &cast.ada);
        let (store, scope) = (world.store.clone(), scopes::own(&cast.ada));
        tasks.push(tokio::spawn(async move {
            let tx = store.begin(&scope, Mode::Write).await?;
            let added = tx.streams().insert(&[stream], MOST).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(added)
        }));
    }
    let mut running = 0;
    for task in tasks {
        running += u64::from(task.await.unwrap().unwrap());
    }
    assert_eq!(running, MOST.of_asker);
}
