//! Rows of the ledger.

use async_trait::async_trait;
use domain::{
    access::Permission,
    conversations::{Conversation, Message},
    identity::{ApiKey, User},
    money::Money,
    store::{Mode, StoreError, Tx},
    usage::{AgentType, TokenUsage, UsageFilter, UsageGrouping, UsageLog},
};
use serde_json::json;

use crate::{
    Fixtures, Key, Person, Reading, Reference, Subject, Unique, Verb, World, assert_refused, scopes, whole_row,
};

const ALL: UsageFilter = UsageFilter { from: None, to: None, conversation: None };

/// Settled calls of a user for an answer.
pub struct UsageLogs {
    user: User,
    key: ApiKey,
    conversation: Conversation,
    chain: Vec<Message>,
    /// What others correct.
    first: UsageLog,
}

#[async_trait]
impl Subject for UsageLogs {
    whole_row!(UsageLog);

    const NAME: &'static str = "usage_logs";
    const ACCESS: [Permission; 2] = [Permission::UsageRead, Permission::ModelsUse];
    const READING: Reading = Reading::Otherwise;
    // The price is one of the store's own: `a_row_keeps_its_price`.
    const NEVER_SET: &'static [&'static str] = &["price_id"];
    const ALWAYS_SET: &'static [&'static str] = &["user_id"];
    const ALIKE: &'static [&'static str] = &["tenant_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let conversation = make.conversation(&person.user);
        Self {
            user: person.user.clone(),
            key: make.api_key(&person.user),
            chain: make.chain(&conversation, 2),
            first: make.usage(&person.user),
            conversation,
        }
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.api_keys().insert(&self.key).await?;
        tx.conversations().insert(&self.conversation).await?;
        tx.messages().insert(&self.chain).await?;
        tx.usage().insert(&self.first).await.map(drop)
    }

    fn plain(&self, make: &Fixtures) -> UsageLog {
        UsageLog { input_cost: None, output_cost: None, cost: None, ..make.usage(&self.user) }
    }

    fn full(&self, make: &Fixtures) -> UsageLog {
        UsageLog {
            api_key_id: Some(self.key.id),
            message_deleted: true,
            agent_type: AgentType::Rerank,
            provider: "ollama".to_owned(),
            model: "llama/3 – ü".to_owned(),
            tokens: TokenUsage { input_tokens: 4, cached_input_tokens: 3, output_tokens: 2, reasoning_tokens: 1 },
            input_cost: Some(Money(-1)),
            output_cost: Some(Money(3)),
            cost: Some(Money(2)),
            is_estimated: true,
            corrects_id: Some(self.first.id),
            responded_at: Some(make.in_seconds(1)),
            duration_ms: Some(1000),
            metadata: json!({ "finish_reason": "stop" }),
            ..make.usage_of(&self.user, &self.chain[1])
        }
    }

    async fn insert(&self, tx: &dyn Tx, row: &UsageLog) -> Result<(), StoreError> {
        tx.usage().insert(row).await.map(drop)
    }

    async fn find(&self, tx: &dyn Tx, row: &UsageLog) -> Result<Option<UsageLog>, StoreError> {
        Ok(tx.usage().list(ALL, 100).await?.into_iter().find(|found| found.id == row.id))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up("list", |_, tx, row, _| {
                Box::pin(async move { Ok(tx.usage().list(ALL, 100).await?.contains(row)) })
            }),
            Verb::<Self>::look_up("summary", |_, tx, row, _| {
                Box::pin(async move {
                    let groups = tx.usage().summary(ALL, UsageGrouping::Model).await?;
                    Ok(groups.iter().any(|group| group.key == format!("{}/{}", row.provider, row.model)))
                })
            }),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["usage_logs"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |row, other| UsageLog { user_id: Some(other.user.id), ..row }),
            Reference::<Self>::new("api_key_id", |row, other| UsageLog { api_key_id: Some(other.key.id), ..row }),
            Reference::<Self>::new("conversation_id", |row, other| UsageLog {
                conversation_id: Some(other.conversation.id),
                ..row
            }),
            Reference::<Self>::new("message_id", |row, other| UsageLog { message_id: Some(other.chain[1].id), ..row }),
            Reference::<Self>::anywhere("price_id", |row, other| UsageLog {
                price_id: Some(other.first.id.0.into()),
                ..row
            }),
            Reference::<Self>::new("corrects_id", |row, other| UsageLog { corrects_id: Some(other.first.id), ..row }),
        ]
    }
}

/// A row keeps the price it was counted at; the list has every type of agent, oldest first, and ends at
/// its limit.
pub async fn a_row_keeps_its_price(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let price =
        async |at| world.read(&scope, async |tx| tx.prices().find_in_force("banyan", "extractive", at).await).await;
    let price = price(world.make.now()).await.expect("the store has the price of the built-in model");
    let mut rows = Vec::new();
    for agent_type in AgentType::ALL {
        world.make.clock.advance(chrono::TimeDelta::microseconds(1));
        rows.push(UsageLog { agent_type, price_id: Some(price.id), ..world.make.usage(&cast.ada) });
    }
    for row in rows.iter().rev() {
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
        let summary = world.read(&scope, async |tx| tx.usage().summary(ALL, UsageGrouping::Agent).await);
        let requests: u64 = summary.await.iter().map(|group| group.totals.requests).sum();
        assert_eq!(requests, seen.len() as u64, "{scope:?}");
    }
}

/// The books of a tenant are checked by those who see its usage.
pub async fn the_books_need_the_whole_tenant(world: World) {
    let cast = world.cast().await;
    for scope in [scopes::own(&cast.ada), scopes::visible(&cast.ada), scopes::nothing(&cast.ada)] {
        let outcome = world.attempt(&scope, async |tx| tx.usage().discrepancies().await).await;
        assert_refused!(outcome, StoreError::OutOfScope(_));
    }
}
