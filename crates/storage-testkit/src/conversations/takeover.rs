//! Streams whose pump is gone.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::{
    access::Scope,
    conversations::{ExpiredStream, Stream, StreamLease, StreamState},
    store::{Mode, StoreError},
};

use super::{stream_of_eve, talk};
use crate::{World, add_stream, assert_refused, lease_of, open_stream, scopes};

/// A stream whose lease has run out gets a new epoch; from then on the old pump changes nothing.
pub async fn an_old_epoch_appends_nothing(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let installation = Scope::system("contract suite");
    let (_, chain) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    world.write(&scope, async |tx| add_stream(tx, &stream, &world.make.events([1])).await).await;
    let old = lease_of(&stream);
    let take =
        async |now, until| world.write(&installation, async |tx| tx.streams().take_expired(now, until, 10).await).await;
    let early = stream.lease_expires_at - TimeDelta::microseconds(1);
    let until = world.make.in_seconds(99);
    assert_eq!(take(early, until).await, []);
    let new = StreamLease { id: stream.id, epoch: 2 };
    assert_eq!(take(stream.lease_expires_at, until).await, [ExpiredStream { tenant_id: stream.tenant_id, lease: new }]);
    assert_eq!(take(stream.lease_expires_at, until).await, [], "it is leased again");
    let (events, later) = (world.make.events([2]), world.make.in_seconds(120));
    world
        .write(&scope, async |tx| {
            assert_refused!(tx.streams().append(old, &events, later).await, StoreError::Stale);
            let outcome = tx.streams().finish(old, StreamState::Completed, &events, later).await;
            assert_refused!(outcome, StoreError::Stale);
            assert_eq!(tx.streams().events(stream.id, 0, 10).await?.len(), 1);
            let taken = Stream {
                epoch: 2,
                lease_expires_at: until,
                last_event: 1,
                updated_at: stream.lease_expires_at,
                ..stream.clone()
            };
            assert_eq!(tx.streams().get(stream.id).await?, Some(taken));
            assert_refused!(tx.streams().record_call(old, 7).await, StoreError::Stale);
            assert!(!tx.streams().append(new, &events, later).await?);
            tx.streams().finish(new, StreamState::Interrupted, &[], later).await
        })
        .await;
    assert_eq!(take(world.make.in_seconds(9_999), until).await, [], "what has ended is not taken");
}

/// Streams of all tenants are taken, as many as are wanted.
pub async fn streams_of_all_tenants_are_taken(world: World) {
    let cast = world.cast().await;
    let (_, chain) = talk(&world, &cast, 6).await;
    let ours: Vec<_> = [1, 3, 5].map(|index: usize| world.make.stream(&chain[index], &cast.ada)).into();
    for stream in &ours {
        world.write(&scopes::own(&cast.ada), async |tx| open_stream(tx, stream).await).await;
    }
    let theirs = stream_of_eve(&world, &cast).await;
    let (now, until) = (world.make.in_seconds(60), world.make.in_seconds(80));
    let take = async || {
        let installation = Scope::system("contract suite");
        world.write(&installation, async |tx| tx.streams().take_expired(now, until, 3).await).await
    };
    let (first, second) = (take().await, take().await);
    assert_eq!((first.len(), second.len()), (3, 1));
    let taken: BTreeSet<_> = first.iter().chain(&second).map(|expired| (expired.lease.id, expired.tenant_id)).collect();
    let all: BTreeSet<_> = ours.iter().chain([&theirs]).map(|stream| (stream.id, stream.tenant_id)).collect();
    assert_eq!(taken, all);
}

/// Of several instances at once, one takes each stream.
pub async fn a_stream_is_taken_once(world: World) {
    let cast = world.cast().await;
    let (_, chain) = talk(&world, &cast, 12).await;
    for answer in chain.iter().skip(1).step_by(2) {
        let stream = world.make.stream(answer, &cast.ada);
        world.write(&scopes::own(&cast.ada), async |tx| open_stream(tx, &stream).await).await;
    }
    let (now, until) = (world.make.in_seconds(60), world.make.in_seconds(80));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move {
                let tx = store.begin(&Scope::system("contract suite"), Mode::Write).await?;
                let taken = tx.streams().take_expired(now, until, 10).await?;
                tx.commit().await?;
                Ok::<_, StoreError>(taken)
            })
        })
        .collect();
    let mut taken = Vec::new();
    for task in tasks {
        taken.extend(task.await.unwrap().unwrap());
    }
    let different: BTreeSet<_> = taken.iter().map(|expired| expired.lease.id).collect();
    assert!(taken.iter().all(|expired| expired.lease.epoch == 2));
    assert_eq!((taken.len(), different.len()), (6, 6));
}
