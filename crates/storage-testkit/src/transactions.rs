//! Units of work: all or nothing, seen by others only when committed, ended by the first broken
//! constraint.

use domain::{
    access::Scope,
    knowledge::{ProcessingStatus, VersionProgress},
    store::{Mode, StoreError},
};

use crate::{World, assert_conflict, assert_refused, scopes};

/// What is committed is there for everybody.
pub async fn a_commit_is_seen_by_the_next_unit_of_work(world: World) {
    let tenant = world.tenant("acme").await;
    let found = world.read(&Scope::system_in(tenant.id), async |tx| tx.tenants().get(tenant.id).await).await;
    assert_eq!(found, Some(tenant));
}

/// A unit of work sees what it has written itself; others do not before it is committed.
pub async fn nobody_else_sees_what_is_not_committed(world: World) {
    let tenant = world.make.tenant("acme");
    let scope = Scope::system_in(tenant.id);
    let tx = world.begin(&scope, Mode::Write).await;
    tx.tenants().insert(&tenant).await.unwrap();
    assert_eq!(tx.tenants().get(tenant.id).await.unwrap().as_ref(), Some(&tenant));
    let seen = world.read(&scope, async |other| other.tenants().get(tenant.id).await).await;
    assert_eq!(seen, None);
    tx.commit().await.unwrap();
    let seen = world.read(&scope, async |other| other.tenants().get(tenant.id).await).await;
    assert_eq!(seen, Some(tenant));
}

/// A rollback undoes every command.
pub async fn a_rollback_undoes_everything(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let conversation = world.make.conversation(&cast.ada);
    let tx = world.begin(&scope, Mode::Write).await;
    tx.conversations().insert(&conversation).await.unwrap();
    tx.messages().insert(&world.make.chain(&conversation, 3)).await.unwrap();
    tx.rollback().await.unwrap();
    let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
    assert_eq!(found, None);
    // The same ids are free again.
    world.write(&scope, async |tx| tx.conversations().insert(&conversation).await).await;
}

/// A unit of work that is dropped is rolled back, and holds nothing up.
pub async fn a_drop_is_a_rollback(world: World) {
    let tenant = world.make.tenant("acme");
    let scope = Scope::system_in(tenant.id);
    for _ in 0..20 {
        let tx = world.begin(&scope, Mode::Write).await;
        tx.tenants().insert(&tenant).await.unwrap();
        drop(tx);
    }
    let found = world.read(&scope, async |tx| tx.tenants().get(tenant.id).await).await;
    assert_eq!(found, None);
    world.write(&scope, async |tx| tx.tenants().insert(&tenant).await).await;
}

/// After a conflict nothing goes on, not even a query, and nothing is kept.
pub async fn a_conflict_ends_the_unit_of_work(world: World) {
    let tenant = world.tenant("acme").await;
    let scope = Scope::system_in(tenant.id);
    let first = world.make.user(Some(tenant.id), "first");
    let twin = domain::identity::User { id: world.make.id(), ..first.clone() };
    let tx = world.begin(&scope, Mode::Write).await;
    tx.users().insert(&first).await.unwrap();
    assert_conflict(tx.users().insert(&twin).await, &["users"]);
    assert_refused!(tx.users().get(first.id).await, StoreError::Poisoned);
    assert_refused!(tx.users().insert(&first).await, StoreError::Poisoned);
    assert!(tx.commit().await.is_err(), "a failed unit of work cannot be committed");
    let found = world.read(&scope, async |tx| tx.users().get(first.id).await).await;
    assert_eq!(found, None);
}

/// The same after a reference to what is not there.
pub async fn a_missing_reference_ends_the_unit_of_work(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let nobody = world.make.user(cast.ada.tenant_id, "nobody");
    let job = world.make.job(&world.source(&cast.ada).await);
    let tx = world.begin(&scope, Mode::Write).await;
    tx.jobs().enqueue(&job).await.unwrap();
    assert_refused!(tx.sessions().insert(&world.make.session(&nobody)).await, StoreError::ForeignKey);
    assert_refused!(tx.jobs().get(job.id).await, StoreError::Poisoned);
    assert!(tx.commit().await.is_err(), "a failed unit of work cannot be committed");
    assert_eq!(world.read(&scope, async |tx| tx.jobs().get(job.id).await).await, None);
}

/// The same after a value that a check of the schema refuses.
pub async fn a_refused_value_ends_the_unit_of_work(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let collection = world.make.collection(&cast.ada);
    let source = world.make.source(&collection);
    let skip = VersionProgress { status: Some(ProcessingStatus::Processed), error: None, at: world.make.now() };
    let tx = world.begin(&scope, Mode::Write).await;
    tx.collections().insert(&collection).await.unwrap();
    tx.sources().insert(&source).await.unwrap();
    assert_refused!(tx.sources().set_status(source.id, &skip).await, StoreError::Check(_));
    assert_refused!(tx.collections().get(collection.id).await, StoreError::Poisoned);
    assert!(tx.commit().await.is_err(), "a failed unit of work cannot be committed");
    assert_eq!(world.read(&scope, async |tx| tx.collections().get(collection.id).await).await, None);
}

/// A command that found its row changed is an answer, not a failure: the unit of work goes on.
pub async fn a_stale_command_leaves_the_unit_of_work_usable(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (stored, missing) = (world.make.conversation(&cast.ada), world.make.conversation(&cast.ada));
    world
        .write(&scope, async |tx| {
            tx.conversations().insert(&stored).await?;
            assert_refused!(tx.conversations().update(&missing).await, StoreError::Stale);
            Ok(())
        })
        .await;
    let found = world.read(&scope, async |tx| tx.conversations().get(stored.id).await).await;
    assert_eq!(found, Some(stored));
}

/// In a read transaction every write is refused and changes nothing.
pub async fn a_read_transaction_refuses_writes(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, collection) = (world.make.conversation(&cast.ada), world.make.collection(&cast.ada));
    let row = world.make.usage(&cast.ada);
    let tx = world.begin(&scope, Mode::Read).await;
    assert_refused!(tx.conversations().insert(&conversation).await, StoreError::OutOfScope(_));
    drop(tx);
    let tx = world.begin(&scope, Mode::Read).await;
    assert_refused!(tx.collections().insert(&collection).await, StoreError::OutOfScope(_));
    drop(tx);
    let tx = world.begin(&scope, Mode::Read).await;
    assert_refused!(tx.usage().insert(&row).await, StoreError::OutOfScope(_));
    drop(tx);
    assert_eq!(world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await, None);
    assert_eq!(world.read(&scope, async |tx| tx.collections().get(collection.id).await).await, None);
}

/// What is done across tenants is done by the installation: no other scope can.
pub async fn commands_across_tenants_need_the_installation(world: World) {
    let cast = world.cast().await;
    let (now, later) = (world.make.now(), world.make.in_seconds(20));
    for scope in [scopes::system(&cast.ada), scopes::whole(&cast.ada), Scope::sign_in()] {
        let tx = world.begin(&scope, Mode::Write).await;
        assert_refused!(tx.jobs().claim(now, later).await, StoreError::OutOfScope(_));
        assert_refused!(tx.streams().take_expired(now, later, 10).await, StoreError::OutOfScope(_));
        assert_refused!(tx.usage().abandoned_calls(now, 10).await, StoreError::OutOfScope(_));
        assert_refused!(tx.idempotency().remove_expired(now, 10).await, StoreError::OutOfScope(_));
    }
    let token = world.make.hash();
    let tx = world.begin(&Scope::sign_in(), Mode::Write).await;
    assert_refused!(tx.installation().offer_setup(&token).await, StoreError::OutOfScope(_));
    assert_refused!(tx.installation().complete_setup(None, now).await, StoreError::OutOfScope(_));
}

/// The store answers, and says what it is.
pub async fn the_store_answers(world: World) {
    world.store.ping().await.unwrap();
    assert!(!world.store.capabilities().backend.is_empty());
}
