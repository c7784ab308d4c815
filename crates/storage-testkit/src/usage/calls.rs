//! Calls under way.

use chrono::TimeDelta;
use domain::{
    access::Scope,
    store::StoreError,
    usage::{AgentType, ProviderCall},
};

use crate::{World, assert_refused, scopes};

/// Every field comes back.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (key, conversation) = (world.make.api_key(&cast.ada), world.make.conversation(&cast.ada));
    let chain = world.make.chain(&conversation, 2);
    let full = ProviderCall {
        api_key_id: Some(key.id),
        conversation_id: Some(conversation.id),
        message_id: Some(chain[1].id),
        agent_type: AgentType::Embedding,
        provider: "ollama".to_owned(),
        model: "llama/3 – ü".to_owned(),
        estimated_input_tokens: i64::MAX.unsigned_abs(),
        ..world.make.call(&cast.ada)
    };
    let nobody = ProviderCall { user_id: None, ..world.make.call(&cast.ada) };
    world
        .write(&scope, async |tx| {
            tx.api_keys().insert(&key).await?;
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await?;
            tx.usage().record_call(&full).await?;
            tx.usage().record_call(&nobody).await
        })
        .await;
    for call in [full, nobody] {
        assert_eq!(world.read(&scope, async |tx| tx.usage().call(call.request_id).await).await, Some(call));
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

/// The store records a call by itself: it is there when that answers, with the price of its model, and
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

/// Another tenant neither sees nor forgets a call.
pub async fn calls_stay_in_their_tenant(world: World) {
    let cast = world.cast().await;
    let (ours, theirs) = (scopes::own(&cast.ada), scopes::system(&cast.eve));
    let call = world.make.call(&cast.ada);
    world.write(&ours, async |tx| tx.usage().record_call(&call).await).await;
    assert_eq!(world.read(&theirs, async |tx| tx.usage().call(call.request_id).await).await, None);
    world.write(&theirs, async |tx| tx.usage().forget_call(call.request_id).await).await;
    assert_refused!(
        world.attempt(&theirs, async |tx| tx.usage().record_call(&call).await).await,
        StoreError::OutOfScope(_)
    );
    let foreign = ProviderCall { user_id: Some(world.make.id()), ..world.make.call(&cast.ada) };
    assert_refused!(
        world.attempt(&ours, async |tx| tx.usage().record_call(&foreign).await).await,
        StoreError::ForeignKey
    );
    assert_eq!(world.read(&ours, async |tx| tx.usage().call(call.request_id).await).await, Some(call));
}
