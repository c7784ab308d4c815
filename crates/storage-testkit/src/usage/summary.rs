//! Exact sums, and whether the books are right.

use domain::{
    conversations::Conversation,
    money::Money,
    usage::{AgentType, TokenUsage, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageTotals},
};

use crate::{Cast, World, scopes};

const ALL: UsageFilter = UsageFilter { from: None, to: None, conversation: None };

async fn add(world: &World, cast: &Cast, row: &UsageLog) {
    assert!(world.write(&scopes::system(&cast.ada), async |tx| tx.usage().insert(row).await).await);
}

async fn summary(world: &World, cast: &Cast, filter: UsageFilter, by: UsageGrouping) -> Vec<UsageGroup> {
    world.read(&scopes::system(&cast.ada), async |tx| tx.usage().summary(filter, by).await).await
}

fn totals(requests: u64, input_tokens: u64, output_tokens: u64, cost: i64, unknown_costs: u64) -> UsageTotals {
    UsageTotals { requests, input_tokens, output_tokens, cost: Money(cost), unknown_costs }
}

/// Every grouping has its keys, in order, and sums known costs and counts unknown ones.
pub async fn rows_are_grouped(world: World) {
    let cast = world.cast().await;
    let conversation = world.make.conversation(&cast.ada);
    let chain = world.make.chain(&conversation, 2);
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await
        })
        .await;
    let tokens = TokenUsage { input_tokens: 7, output_tokens: 1, ..TokenUsage::default() };
    let day = world.make.now() + chrono::TimeDelta::days(1);
    let of_answer = world.make.usage_of(&cast.ada, &chain[1]);
    let unknown =
        UsageLog { cost: None, tokens, model: "other".to_owned(), ..world.make.usage_of(&cast.bob, &chain[1]) };
    let overhead = UsageLog { agent_type: AgentType::Embedding, requested_at: day, ..world.make.usage(&cast.ada) };
    let of_deleted = UsageLog {
        user_id: None,
        message_deleted: true,
        conversation_id: Some(conversation.id),
        ..world.make.usage_at(&cast.ada, Money(-4))
    };
    for row in [&of_answer, &unknown, &overhead, &of_deleted] {
        add(&world, &cast, row).await;
    }
    let mut by_user = vec![
        (String::new(), totals(1, 10, 5, -4, 0)),
        (cast.ada.id.to_string(), totals(2, 20, 10, 60, 0)),
        (cast.bob.id.to_string(), totals(1, 7, 1, 0, 1)),
    ];
    by_user.sort_by(|a, b| a.0.cmp(&b.0));
    let mut by_message = vec![
        (String::new(), totals(1, 10, 5, 30, 0)),
        (chain[1].id.to_string(), totals(2, 17, 6, 30, 1)),
        ("deleted".to_owned(), totals(1, 10, 5, -4, 0)),
    ];
    by_message.sort_by(|a, b| a.0.cmp(&b.0));
    let format = |at: domain::clock::Timestamp| at.format("%Y-%m-%d").to_string();
    let expected = [
        (
            UsageGrouping::Model,
            vec![
                ("openai/gpt".to_owned(), totals(3, 30, 15, 56, 0)),
                ("openai/other".to_owned(), totals(1, 7, 1, 0, 1)),
            ],
        ),
        (UsageGrouping::User, by_user),
        (
            UsageGrouping::Day,
            vec![(format(world.make.now()), totals(3, 27, 11, 26, 1)), (format(day), totals(1, 10, 5, 30, 0))],
        ),
        (
            UsageGrouping::Agent,
            vec![("chat".to_owned(), totals(3, 27, 11, 26, 1)), ("embedding".to_owned(), totals(1, 10, 5, 30, 0))],
        ),
        (UsageGrouping::Message, by_message),
    ];
    for (by, groups) in expected {
        let groups: Vec<_> = groups.into_iter().map(|(key, totals)| UsageGroup { key, totals }).collect();
        assert_eq!(summary(&world, &cast, ALL, by).await, groups, "{by:?}");
    }
    let filter = UsageFilter { from: Some(day), ..ALL };
    let found = summary(&world, &cast, filter, UsageGrouping::Model).await;
    assert_eq!(found, [UsageGroup { key: "openai/gpt".to_owned(), totals: totals(1, 10, 5, 30, 0) }]);
    let filter = UsageFilter { conversation: Some(world.make.id()), ..ALL };
    assert_eq!(summary(&world, &cast, filter, UsageGrouping::Model).await, []);
}

/// Days are those of UTC, to the microsecond.
pub async fn days_are_those_of_utc(world: World) {
    let cast = world.cast().await;
    let midnight = chrono::DateTime::from_timestamp(1_795_305_600, 0).unwrap(); // 2026-11-22T00:00:00Z
    for requested_at in [midnight - chrono::TimeDelta::microseconds(1), midnight] {
        add(&world, &cast, &UsageLog { requested_at, ..world.make.usage(&cast.ada) }).await;
    }
    let found = summary(&world, &cast, ALL, UsageGrouping::Day).await;
    let days: Vec<_> = found.iter().map(|group| group.key.as_str()).collect();
    assert_eq!(days, ["2026-11-21", "2026-11-22"]);
}

/// Sums are exact where a floating-point number would not be.
pub async fn sums_are_exact(world: World) {
    let cast = world.cast().await;
    let large = 9_007_199_254_740_993; // 2^53 + 1
    for cost in [large, 1, large] {
        add(&world, &cast, &world.make.usage_at(&cast.ada, Money(cost))).await;
    }
    let found = summary(&world, &cast, ALL, UsageGrouping::Agent).await;
    assert_eq!(found[0].totals.cost, Money(2 * large + 1));
}

/// A conversation whose totals differ from its rows is named, with the difference.
pub async fn wrong_books_are_found(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let discrepancies = async |scope| world.read(&scope, async |tx| tx.usage().discrepancies().await).await;
    let mut conversations = Vec::new();
    for _ in 0..3 {
        let conversation = world.make.conversation(&cast.ada);
        let row = UsageLog { conversation_id: Some(conversation.id), ..world.make.usage(&cast.ada) };
        world
            .write(&scope, async |tx| {
                tx.conversations().insert(&conversation).await?;
                tx.usage().insert(&row).await?;
                tx.conversations().add_usage(conversation.id, totals(1, 10, 5, 30, 0), None).await
            })
            .await;
        conversations.push(conversation);
    }
    assert_eq!(discrepancies(scope.clone()).await, []);
    let (more, less) = (conversations[0].id, conversations[1].id);
    world
        .write(&scope, async |tx| {
            tx.conversations().add_usage(more, totals(0, 0, 0, 1, 0), None).await?;
            tx.conversations().add_usage(less, totals(0, 0, 0, -2, 0), None).await
        })
        .await;
    let mut expected = vec![(more, Money(1)), (less, Money(-2))];
    let mut found = discrepancies(scope.clone()).await;
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    // Deleting a conversation does not hide it from the books.
    let deleted = Conversation { deleted_at: Some(world.make.now()), ..conversations[0].clone() };
    world.write(&scope, async |tx| tx.conversations().update(&deleted).await).await;
    assert_eq!(discrepancies(scope).await.len(), 2);
    assert_eq!(discrepancies(scopes::system(&cast.eve)).await, []);
}
