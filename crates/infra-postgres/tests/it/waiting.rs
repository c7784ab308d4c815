//! Who waits for whom when many add at the same moment.

use std::time::Duration;

use domain::{
    store::{Mode, Store},
    usage::{Held, QuotaBounds, QuotaKind},
};
use storage_testkit::{Harness, World, scopes};

use crate::{database::system_clock, harness};

/// How long one waits that does not come.
const A_WHILE: Duration = Duration::from_millis(300);
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn whoever_is_near_a_bound_waits_and_others_do_not() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let kind = QuotaKind::Conversations;
    let begin = async || harness.store.begin(&scope, Mode::Write).await.unwrap();
    let far = QuotaBounds { per_user: 1_000, per_tenant: 1_000 }.fence(kind);
    let near = QuotaBounds { per_user: 10, per_tenant: 1_000 }.fence(kind);

    let first = begin().await;
    assert_eq!(first.quotas().held(kind, Some(cast.ada.id), far).await.unwrap().by_tenant, 0);
    first.conversations().insert(&world.make.conversation(&cast.ada)).await.unwrap();
    let second = begin().await;
    let added = async {
        second.quotas().held(kind, Some(cast.ada.id), far).await.unwrap();
        second.conversations().insert(&world.make.conversation(&cast.ada)).await.unwrap();
        second.commit().await.unwrap();
    };
    tokio::time::timeout(PATIENCE, added).await.expect("far from a bound nobody waits for the first one's commit");

    assert_eq!(first.quotas().held(kind, Some(cast.ada.id), near).await.unwrap().by_user, Some(2));
    let third = begin().await;
    let mut held = Box::pin(third.quotas().held(kind, Some(cast.ada.id), near));
    assert!(tokio::time::timeout(A_WHILE, held.as_mut()).await.is_err(), "the third does not wait");
    first.commit().await.unwrap();
    let held = tokio::time::timeout(PATIENCE, held).await.expect("the first has ended").unwrap();
    assert_eq!(held, Held { by_user: Some(2), by_tenant: 2 });
    third.rollback().await.unwrap();
    harness.close().await;
}

/// Who asked far below a bound may stay open for as long as it takes others to come near it.
#[tokio::test]
async fn whoever_is_near_a_bound_waits_for_those_who_asked_far_below_it() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let kind = QuotaKind::Conversations;
    let begin = async || harness.store.begin(&scope, Mode::Write).await.unwrap();
    let far = QuotaBounds { per_user: 1_000, per_tenant: 1_000 }.fence(kind);
    let near = QuotaBounds { per_user: 10, per_tenant: 1_000 }.fence(kind);

    let slow = begin().await;
    slow.quotas().held(kind, Some(cast.ada.id), far).await.unwrap();
    let last = begin().await;
    let mut held = Box::pin(last.quotas().held(kind, Some(cast.ada.id), near));
    assert!(tokio::time::timeout(A_WHILE, held.as_mut()).await.is_err(), "the last does not wait for the slow one");
    slow.conversations().insert(&world.make.conversation(&cast.ada)).await.unwrap();
    slow.commit().await.unwrap();
    let held = tokio::time::timeout(PATIENCE, held).await.expect("the slow one has ended").unwrap();
    assert_eq!(held, Held { by_user: Some(1), by_tenant: 1 });
    last.rollback().await.unwrap();
    harness.close().await;
}
