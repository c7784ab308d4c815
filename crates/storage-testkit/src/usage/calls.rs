//! Calls under way.

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::{
    access::{Permission, Scope},
    conversations::{Conversation, Message},
    identity::{ApiKey, User},
    store::{StoreError, Tx},
    usage::{AgentType, ProviderCall},
};

use crate::{Fixtures, Person, Reference, Subject, Verb, World, assert_refused, scopes, whole_row};

/// Calls of a user for an answer.
pub struct ProviderCalls {
    user: User,
    key: ApiKey,
    conversation: Conversation,
    chain: Vec<Message>,
}

#[async_trait]
impl Subject for ProviderCalls {
    whole_row!(ProviderCall);

    const NAME: &'static str = "provider_calls";
    const ACCESS: [Permission; 2] = [Permission::ModelsUse, Permission::ModelsUse];
    const ALWAYS_SET: &'static [&'static str] = &["user_id"];
    const ALIKE: &'static [&'static str] = &["tenant_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let conversation = make.conversation(&person.user);
        Self {
            user: person.user.clone(),
            key: make.api_key(&person.user),
            chain: make.chain(&conversation, 2),
            conversation,
        }
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.api_keys().insert(&self.key).await?;
        tx.conversations().insert(&self.conversation).await?;
        tx.messages().insert(&self.chain).await
    }

    fn plain(&self, make: &Fixtures) -> ProviderCall {
        make.call(&self.user)
    }

    fn full(&self, make: &Fixtures) -> ProviderCall {
        ProviderCall {
            api_key_id: Some(self.key.id),
            conversation_id: Some(self.conversation.id),
            message_id: Some(self.chain[1].id),
            agent_type: AgentType::Embedding,
            provider: "ollama".to_owned(),
            model: "llama/3 – ü".to_owned(),
            estimated_input_tokens: i64::MAX.unsigned_abs(),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, call: &ProviderCall) -> Result<(), StoreError> {
        tx.usage().record_call(call).await.map(drop)
    }

    async fn find(&self, tx: &dyn Tx, call: &ProviderCall) -> Result<Option<ProviderCall>, StoreError> {
        tx.usage().call(call.request_id).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::hidden_removal("forget_call", |_, tx, call, _| tx.usage().forget_call(call.request_id))]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |call, other| ProviderCall { user_id: Some(other.user.id), ..call }),
            Reference::<Self>::new("api_key_id", |call, other| ProviderCall { api_key_id: Some(other.key.id), ..call }),
            Reference::<Self>::new("conversation_id", |call, other| ProviderCall {
                conversation_id: Some(other.conversation.id),
                ..call
            }),
            Reference::<Self>::new("message_id", |call, other| ProviderCall {
                message_id: Some(other.chain[1].id),
                ..call
            }),
        ]
    }
}

/// A call may be nobody's.
pub async fn a_call_may_be_nobodys(world: World) {
    let cast = world.cast().await;
    let nobody = ProviderCall { user_id: None, ..world.make.call(&cast.ada) };
    world.write(&scopes::own(&cast.ada), async |tx| tx.usage().record_call(&nobody).await).await;
    for (scope, is_found) in [(scopes::system(&cast.ada), true), (scopes::own(&cast.ada), false)] {
        let found = world.read(&scope, async |tx| tx.usage().call(nobody.request_id).await).await;
        assert_eq!(found, is_found.then(|| nobody.clone()));
    }
}

/// A call that is recorded again has its lease renewed; one that is settled is forgotten.
pub async fn a_call_is_renewed_and_forgotten(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let call = world.make.call(&cast.ada);
    let renewed = ProviderCall { lease_expires_at: world.make.in_seconds(99), ..call.clone() };
    world
        .write(&scope, async |tx| {
            tx.usage().record_call(&call).await?;
            tx.usage().record_call(&renewed).await
        })
        .await;
    assert_eq!(world.read(&scope, async |tx| tx.usage().call(call.request_id).await).await, Some(renewed));
    for _ in 0..2 {
        world.write(&scope, async |tx| tx.usage().forget_call(call.request_id).await).await;
        assert_eq!(world.read(&scope, async |tx| tx.usage().call(call.request_id).await).await, None);
    }
}

/// The store records a call by itself: it is there when that returns, with the price of its model, and
/// renewed when it is recorded again; what does not fit is refused, and leaves nothing.
pub async fn the_store_records_a_call_by_itself(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let stored = async |request| world.read(&scope, async |tx| tx.usage().call(request).await).await;
    let call = ProviderCall {
        provider: "banyan".to_owned(),
        model: "extractive".to_owned(),
        requested_at: world.make.now(),
        ..world.make.call(&cast.ada)
    };
    let price =
        world.read(&scope, async |tx| tx.prices().find_in_force("banyan", "extractive", call.requested_at).await);
    let price = price.await;
    assert!(price.is_some());
    assert_eq!(world.store.record_call(&call).await.unwrap(), price);
    assert_eq!(stored(call.request_id).await, Some(call.clone()));
    let renewed = ProviderCall { lease_expires_at: world.make.in_seconds(99), ..call };
    assert_eq!(world.store.record_call(&renewed).await.unwrap(), price);
    assert_eq!(stored(renewed.request_id).await, Some(renewed));

    let unpriced = ProviderCall { model: "unheard-of".to_owned(), ..world.make.call(&cast.ada) };
    assert_eq!(world.store.record_call(&unpriced).await.unwrap(), None);
    assert_eq!(stored(unpriced.request_id).await, Some(unpriced));

    let foreign = ProviderCall { user_id: Some(world.make.id()), ..world.make.call(&cast.ada) };
    assert_refused!(world.store.record_call(&foreign).await, StoreError::ForeignKey);
    assert_eq!(stored(foreign.request_id).await, None);
    let nul = ProviderCall { model: "\0".to_owned(), ..world.make.call(&cast.ada) };
    assert_refused!(world.store.record_call(&nul).await, StoreError::Check(_));
    assert_eq!(stored(nul.request_id).await, None);
}

/// Calls of all tenants whose lease has run out are found by the installation, as many as wanted.
pub async fn abandoned_calls_are_found(world: World) {
    let cast = world.cast().await;
    let installation = Scope::system("contract suite");
    let mut calls = Vec::new();
    for (seconds, user) in [(10, &cast.ada), (20, &cast.eve), (30, &cast.ada)] {
        let call = ProviderCall { lease_expires_at: world.make.in_seconds(seconds), ..world.make.call(user) };
        world.write(&scopes::own(user), async |tx| tx.usage().record_call(&call).await).await;
        calls.push(call);
    }
    let abandoned = async |at, limit| {
        let mut found = world.write(&installation, async |tx| tx.usage().abandoned_calls(at, limit).await).await;
        found.sort_by_key(|call| call.lease_expires_at);
        found
    };
    let last = calls[2].lease_expires_at;
    assert_eq!(abandoned(last, 10).await, calls);
    assert_eq!(abandoned(last - TimeDelta::microseconds(1), 10).await, calls[..2]);
    assert_eq!(abandoned(last, 2).await.len(), 2);
    assert_eq!(abandoned(world.make.now(), 10).await, []);
}

/// Commands on one row in one unit of work follow each other, also where a backend sends one with the
/// next: none of them is lost.
pub async fn commands_on_one_call_follow_each_other(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let call = world.make.call(&cast.ada);
    let found = async || world.read(&scope, async |tx| tx.usage().call(call.request_id).await).await;
    let forget_and_record = async |tx: &dyn Tx| {
        tx.usage().forget_call(call.request_id).await?;
        tx.usage().record_call(&call).await
    };
    world.write(&scope, async |tx| tx.usage().record_call(&call).await).await;
    world.write(&scope, forget_and_record).await;
    assert_eq!(found().await, Some(call.clone()));
    world
        .write(&scope, async |tx| {
            forget_and_record(tx).await?;
            tx.usage().forget_call(call.request_id).await
        })
        .await;
    assert_eq!(found().await, None);
}
