//! Commits that share a flush, and what happens to a group when one of it goes wrong.

use std::{os::unix::fs::PermissionsExt, sync::Arc, time::Duration};

use domain::{
    access::Scope,
    conversations::Conversation,
    ids::MessageId,
    store::{Mode, Store, StoreError},
    tenancy::Tenant,
};
use infra_sqlite::SqliteOptions;
use storage_testkit::{Harness, World, scopes};
use tokio::time::timeout;

use crate::{SqliteHarness, harness, open, system_clock};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn insert(store: &Arc<dyn Store>, tenant: &Tenant) -> Result<(), StoreError> {
    let tx = store.begin(&Scope::system_in(tenant.id), Mode::Write).await?;
    tx.tenants().insert(tenant).await?;
    tx.commit().await
}

async fn is_there(world: &World, tenant: &Tenant) -> bool {
    world.read(&Scope::system_in(tenant.id), async |tx| tx.tenants().get(tenant.id).await).await.is_some()
}

#[tokio::test]
async fn the_file_is_for_its_owner_only_and_keeps_what_was_committed() {
    let SqliteHarness { store, folder } = harness(system_clock()).await;
    let world = World::new(Arc::clone(&store) as Arc<dyn Store>);
    let tenant = world.tenant("acme").await;
    for file in ["banyan.db", "banyan.db-wal", "banyan.db-shm"] {
        let mode = folder.path().join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    drop((world, store));
    let again = World::new(open(&folder, &SqliteOptions::default(), system_clock()).await);
    assert!(is_there(&again, &tenant).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_transaction_in_the_lane_takes_nobody_with_it() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let store = harness.store();
    let (first, dropped, last) = (world.make.tenant("first"), world.make.tenant("dropped"), world.make.tenant("last"));
    let holder = store.begin(&Scope::system_in(dropped.id), Mode::Write).await.unwrap();
    holder.tenants().insert(&dropped).await.unwrap();
    // Both wait for the write queue while the one that holds it is thrown away.
    let waiting = [&first, &last].map(|tenant| {
        let (store, tenant) = (Arc::clone(&store), tenant.clone());
        tokio::spawn(async move { insert(&store, &tenant).await })
    });
    tokio::task::yield_now().await;
    drop(holder);
    for task in waiting {
        timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
    }
    assert!(is_there(&world, &first).await && is_there(&world, &last).await);
    assert!(!is_there(&world, &dropped).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_is_told_and_the_lane_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { acquire_timeout: Duration::from_millis(100), ..SqliteOptions::default() };
    let store: Arc<dyn Store> = open(&folder, &options, system_clock()).await;
    let world = World::new(Arc::clone(&store));
    let tenant = world.make.tenant("acme");
    let holder = store.begin(&Scope::system_in(tenant.id), Mode::Write).await.unwrap();
    let refused = insert(&store, &tenant).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    holder.rollback().await.unwrap();
    insert(&store, &tenant).await.unwrap();
}

/// A conversation whose head is a message that does not exist: a key that is checked at COMMIT.
async fn broken(store: &Arc<dyn Store>, scope: &Scope, mut conversation: Conversation) -> Result<(), StoreError> {
    conversation.current_message_id = Some(MessageId(conversation.id.0));
    let tx = store.begin(scope, Mode::Write).await?;
    tx.conversations().insert(&conversation).await?;
    tx.commit().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_fails_at_the_commit_is_told_and_others_may_try_again() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let store = harness.store();
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let alone = broken(&store, &scope, world.make.conversation(&cast.ada)).await;
    assert!(matches!(alone, Err(StoreError::ForeignKey)), "{alone:?}");

    // In a group with others: those that share its flush are told to try again, and then succeed.
    let holder = store.begin(&scope, Mode::Write).await.unwrap();
    let bad = tokio::spawn({
        let (store, scope, conversation) = (Arc::clone(&store), scope.clone(), world.make.conversation(&cast.ada));
        async move { broken(&store, &scope, conversation).await }
    });
    let good: Vec<_> = (0..3)
        .map(|number| {
            let (store, tenant) = (Arc::clone(&store), world.make.tenant(&format!("good-{number}")));
            tokio::spawn(async move {
                let mut outcome = insert(&store, &tenant).await;
                for _ in 0..3 {
                    if matches!(outcome, Err(StoreError::Retry)) {
                        outcome = insert(&store, &tenant).await;
                    }
                }
                outcome.map(|()| tenant)
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    holder.rollback().await.unwrap();
    let refused = timeout(PATIENCE, bad).await.unwrap().unwrap();
    assert!(matches!(refused, Err(StoreError::ForeignKey | StoreError::Retry)), "{refused:?}");
    for task in good {
        let tenant = timeout(PATIENCE, task).await.unwrap().unwrap().unwrap();
        assert!(is_there(&world, &tenant).await);
    }
}
