//! Idempotency keys.

use chrono::TimeDelta;
use domain::{
    access::Scope,
    admin::{IdempotencyRecord, KeptAnswer},
};

use crate::{World, assert_conflict, scopes};

/// Every field comes back, the body byte for byte.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let answer = KeptAnswer { status: 202, body: (0..=255).collect() };
    let bytes = IdempotencyRecord { answer, ..world.make.idempotency(&cast.ada, "bytes – ü") };
    let empty = KeptAnswer { status: 204, body: Vec::new() };
    let empty = IdempotencyRecord { answer: empty, ..world.make.idempotency(&cast.ada, "empty") };
    let now = world.make.now();
    for record in [&bytes, &empty] {
        world.write(&scope, async |tx| tx.idempotency().insert(record).await).await;
        let found = world.read(&scope, async |tx| tx.idempotency().get(&record.key, now).await).await;
        assert_eq!(found.as_ref(), Some(record));
    }
}

/// While a record lives, its key is taken; once it has expired, another takes its place.
pub async fn a_key_is_taken_while_its_record_lives(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let first = world.make.idempotency(&cast.ada, "key");
    let insert = async |record: &IdempotencyRecord| {
        world.attempt(&scope, async |tx| tx.idempotency().insert(record).await).await
    };
    let get = async |at| world.read(&scope, async |tx| tx.idempotency().get("key", at).await).await;
    insert(&first).await.unwrap();
    let last_moment = first.expires_at - TimeDelta::microseconds(1);
    let early = IdempotencyRecord { created_at: last_moment, ..world.make.idempotency(&cast.ada, "key") };
    assert_conflict(insert(&early).await, &["idempotency_keys"]);
    assert_eq!(get(last_moment).await.as_ref(), Some(&first));
    assert_eq!(get(first.expires_at).await, None);
    let next = IdempotencyRecord {
        created_at: first.expires_at,
        expires_at: first.expires_at + TimeDelta::days(1),
        ..world.make.idempotency(&cast.ada, "key")
    };
    insert(&next).await.unwrap();
    assert_eq!(get(first.expires_at).await, Some(next));
}

/// Keys of different users never meet.
pub async fn keys_of_users_never_meet(world: World) {
    let cast = world.cast().await;
    let now = world.make.now();
    for user in [&cast.ada, &cast.bob, &cast.eve] {
        let found = world.read(&scopes::own(user), async |tx| tx.idempotency().get("key", now).await).await;
        assert_eq!(found, None);
        let record = world.make.idempotency(user, "key");
        world.write(&scopes::own(user), async |tx| tx.idempotency().insert(&record).await).await;
        let found = world.read(&scopes::whole(user), async |tx| tx.idempotency().get("key", now).await).await;
        assert_eq!(found, Some(record));
    }
}

/// Expired records of all tenants are forgotten, as many as wanted at a time.
pub async fn expired_records_are_forgotten(world: World) {
    let cast = world.cast().await;
    for (user, key) in [(&cast.ada, "one"), (&cast.ada, "two"), (&cast.eve, "three")] {
        let record = world.make.idempotency(user, key);
        world.write(&scopes::own(user), async |tx| tx.idempotency().insert(&record).await).await;
    }
    let late = world.make.now() + TimeDelta::days(1);
    let living =
        IdempotencyRecord { expires_at: late + TimeDelta::seconds(1), ..world.make.idempotency(&cast.bob, "four") };
    world.write(&scopes::own(&cast.bob), async |tx| tx.idempotency().insert(&living).await).await;
    let forget = async |now, limit| {
        let installation = Scope::system("contract suite");
        world.write(&installation, async |tx| tx.idempotency().remove_expired(now, limit).await).await
    };
    assert_eq!(forget(world.make.now(), 10).await, 0);
    assert_eq!(forget(late, 2).await, 2);
    assert_eq!(forget(late, 10).await, 1);
    assert_eq!(forget(late, 10).await, 0);
    let found = world.read(&scopes::own(&cast.bob), async |tx| tx.idempotency().get("four", late).await).await;
    assert_eq!(found, Some(living));
}
