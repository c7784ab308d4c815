//! Rows of the ledger.

use domain::{
    money::Money,
    store::{Mode, StoreError},
    usage::{AgentType, TokenUsage, UsageFilter, UsageLog},
};
use serde_json::json;

use crate::{World, assert_conflict, assert_refused, scopes};

const ALL: UsageFilter = UsageFilter { from: None, to: None, conversation: None };

/// Every field comes back, with every type of agent, oldest first.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (key, conversation) = (world.make.api_key(&cast.ada), world.make.conversation(&cast.ada));
    let chain = world.make.chain(&conversation, 2);
    let price = world
        .write(&scope, async |tx| {
            tx.api_keys().insert(&key).await?;
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await?;
            tx.prices().find_in_force("banyan", "extractive", world.make.now()).await
        })
        .await;
    let first = world.make.usage(&cast.ada);
    let mut rows = vec![first.clone()];
    for agent_type in AgentType::ALL {
        world.make.clock.advance(chrono::TimeDelta::microseconds(1));
        rows.push(UsageLog {
            api_key_id: Some(key.id),
            message_deleted: true,
            agent_type,
            price_id: price.as_ref().map(|price| price.id),
            tokens: TokenUsage { input_tokens: 4, cached_input_tokens: 3, output_tokens: 2, reasoning_tokens: 1 },
            input_cost: None,
            output_cost: Some(Money(0)),
            cost: None,
            is_estimated: true,
            corrects_id: Some(first.id),
            responded_at: Some(world.make.in_seconds(1)),
            duration_ms: Some(1000),
            metadata: json!({ "finish_reason": "stop" }),
            ..world.make.usage_of(&cast.ada, &chain[1])
        });
    }
    for row in &rows {
        assert!(world.write(&scope, async |tx| tx.usage().insert(row).await).await);
    }
    assert_eq!(world.read(&scope, async |tx| tx.usage().list(ALL, 100).await).await, rows);
    assert_eq!(world.read(&scope, async |tx| tx.usage().list(ALL, 3).await).await, rows[..3]);
}

/// Times and conversations narrow the list: from a time on, before another.
pub async fn the_list_is_filtered(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let conversation = world.make.conversation(&cast.ada);
    let mut rows = Vec::new();
    world.write(&scope, async |tx| tx.conversations().insert(&conversation).await).await;
    for number in 0..4 {
        let of = (number % 2 == 0).then_some(conversation.id);
        let requested_at = world.make.in_seconds(number);
        let row = UsageLog { requested_at, conversation_id: of, ..world.make.usage(&cast.ada) };
        world.write(&scope, async |tx| tx.usage().insert(&row).await).await;
        rows.push(row);
    }
    let list = async |filter| world.read(&scope, async |tx| tx.usage().list(filter, 100).await).await;
    let from = Some(world.make.in_seconds(1));
    let to = Some(world.make.in_seconds(3));
    assert_eq!(list(UsageFilter { from, ..ALL }).await, rows[1..]);
    assert_eq!(list(UsageFilter { to, ..ALL }).await, rows[..3]);
    assert_eq!(list(UsageFilter { from, to, ..ALL }).await, rows[1..3]);
    let of = Some(conversation.id);
    assert_eq!(list(UsageFilter { conversation: of, ..ALL }).await, [rows[0].clone(), rows[2].clone()]);
    assert_eq!(list(UsageFilter { from, conversation: of, ..ALL }).await, rows[2..3]);
}

/// A call is paid for once, however many settle it at once.
pub async fn a_call_is_counted_once(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let row = world.make.usage(&cast.ada);
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let (store, scope) = (world.store.clone(), scope.clone());
            let row = UsageLog { id: world.make.ordered_id(), ..row.clone() };
            tokio::spawn(async move {
                let tx = store.begin(&scope, Mode::Write).await?;
                let added = tx.usage().insert(&row).await?;
                tx.commit().await?;
                Ok::<_, StoreError>(added)
            })
        })
        .collect();
    let mut added = 0;
    for task in tasks {
        added += u32::from(task.await.unwrap().unwrap());
    }
    assert_eq!(added, 1);
    assert_eq!(world.read(&scope, async |tx| tx.usage().list(ALL, 100).await).await.len(), 1);
    // One that is there already is no failure, so the unit of work goes on.
    let other = world.make.usage(&cast.ada);
    world
        .write(&scope, async |tx| {
            assert!(!tx.usage().insert(&UsageLog { id: world.make.ordered_id(), ..row.clone() }).await?);
            assert!(tx.usage().insert(&other).await?);
            Ok(())
        })
        .await;
    let twin = UsageLog { id: other.id, ..world.make.usage(&cast.ada) };
    assert_conflict(world.attempt(&scope, async |tx| tx.usage().insert(&twin).await).await, &["usage_logs"]);
}

/// Own: the user's rows. Tenant: all, also those of nobody. Another tenant: none.
pub async fn reaches_are_predicates(world: World) {
    let cast = world.cast().await;
    let ada = world.make.usage(&cast.ada);
    let bob = world.make.usage(&cast.bob);
    let nobody = UsageLog { user_id: None, ..world.make.usage(&cast.ada) };
    for row in [&ada, &bob, &nobody] {
        world.write(&scopes::system(&cast.ada), async |tx| tx.usage().insert(row).await).await;
    }
    for (scope, seen) in [
        (scopes::own(&cast.ada), vec![&ada]),
        (scopes::visible(&cast.ada), vec![&ada]),
        (scopes::own(&cast.bob), vec![&bob]),
        (scopes::whole(&cast.bob), vec![&ada, &bob, &nobody]),
        (scopes::system(&cast.ada), vec![&ada, &bob, &nobody]),
        (scopes::nothing(&cast.ada), vec![]),
        (scopes::whole(&cast.eve), vec![]),
    ] {
        let found = world.read(&scope, async |tx| tx.usage().list(ALL, 100).await).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), seen, "{scope:?}");
        let summary = world.read(&scope, async |tx| tx.usage().summary(ALL, domain::usage::UsageGrouping::Agent).await);
        let requests: u64 = summary.await.iter().map(|group| group.totals.requests).sum();
        assert_eq!(requests, seen.len() as u64, "{scope:?}");
    }
}

/// What a row names is of its tenant.
pub async fn references_stay_in_the_tenant(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let theirs = world.make.usage(&cast.eve);
    world.write(&scopes::own(&cast.eve), async |tx| tx.usage().insert(&theirs).await).await;
    let row = world.make.usage(&cast.ada);
    for broken in [
        UsageLog { user_id: Some(world.make.id()), ..row.clone() },
        UsageLog { api_key_id: Some(world.make.id()), ..row.clone() },
        UsageLog { conversation_id: Some(world.make.id()), ..row.clone() },
        UsageLog { price_id: Some(world.make.id()), ..row.clone() },
        UsageLog { corrects_id: Some(theirs.id), ..row.clone() },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.usage().insert(&broken).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let outcome = world.attempt(&scopes::system(&cast.eve), async |tx| tx.usage().insert(&row).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}
