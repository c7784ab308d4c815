//! What the rules of the ports say of parts, and of what is merely shown.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    access::Scope,
    conversations::{Conversation, HeadMove, MostRunning, StreamState, Visibility},
    ids::TenantId,
    knowledge::{Collection, CollectionVisibility, ProcessingStatus, Source, VersionProgress},
    store::{StoreError, Tx},
    usage::{ProviderCall, UsageTotals},
};
use infra_memory::MemoryStore;
use storage_testkit::{Cast, Fixtures, World, assert_refused, lease_of, open_stream, scopes};

const MANY: MostRunning = MostRunning { in_conversation: 9, of_asker: 9 };

/// A world whose store has the clock of the fixtures.
fn world() -> World {
    let make = Arc::new(Fixtures::default());
    World { store: Arc::new(MemoryStore::new(make.clock.clone())), make }
}

/// What Ada shows to all of her tenant, and what she keeps in it.
struct Shown {
    conversation: Conversation,
    chain: Vec<domain::conversations::Message>,
    collection: Collection,
    source: Source,
    version: domain::knowledge::SourceVersion,
    chunk: domain::knowledge::Chunk,
}

async fn shown(world: &World, cast: &Cast) -> Shown {
    let make = &world.make;
    let conversation = Conversation { visibility: Visibility::Public, ..make.conversation(&cast.ada) };
    let collection = Collection { visibility: CollectionVisibility::Shared, ..make.collection(&cast.ada) };
    let source = make.source(&collection);
    let version = make.version(&source, 1);
    let chain = make.chain(&conversation, 2);
    let chunk = make.chunk(&version, 0, "apples");
    let chunks = std::slice::from_ref(&chunk);
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await?;
            tx.collections().insert(&collection).await?;
            tx.sources().insert(&source).await?;
            tx.sources().insert_version(&version).await?;
            tx.chunks().insert(chunks).await?;
            tx.chunk_index().insert(&[make.entry(&chunk, "m", &[1.0])]).await
        })
        .await;
    Shown { conversation, chain, collection, source, version, chunk }
}

/// Adds a part of each kind, and returns what came of it.
async fn add_parts(world: &World, scope: &Scope, whole: &Shown, cast: &Cast) -> Vec<Result<(), StoreError>> {
    let make = &world.make;
    let Shown { conversation, chain, collection, source, version, chunk } = whole;
    let messages = [make.question(conversation, Some(&chain[1]), 3)];
    let streams = [make.stream(&chain[1], &cast.bob)];
    let citations = [make.citation(&chain[1], chunk, 1)];
    let chunks = [make.chunk(version, 1, "pears")];
    let (sources, versions) = (make.source(collection), make.version(source, 2));
    let vectors = [make.entry(chunk, "n", &[1.0])];
    vec![
        world.attempt(scope, async |tx| tx.messages().insert(&messages).await).await,
        world.attempt(scope, async |tx| tx.streams().insert(&streams, MANY).await.map(drop)).await,
        world.attempt(scope, async |tx| tx.retrieval().insert_citations(&citations).await).await,
        world.attempt(scope, async |tx| tx.sources().insert(&sources).await).await,
        world.attempt(scope, async |tx| tx.sources().insert_version(&versions).await).await,
        world.attempt(scope, async |tx| tx.chunks().insert(&chunks).await).await,
        world.attempt(scope, async |tx| tx.chunk_index().insert(&vectors).await).await,
    ]
}

#[tokio::test]
async fn a_part_needs_its_whole_to_be_in_reach_to_change_it() {
    let world = world();
    let cast = world.cast().await;
    let whole = shown(&world, &cast).await;
    for stranger in [scopes::visible(&cast.bob), scopes::own(&cast.bob), scopes::nothing(&cast.ada)] {
        for outcome in add_parts(&world, &stranger, &whole, &cast).await {
            assert_refused!(outcome, StoreError::Stale);
        }
    }
    for outcome in add_parts(&world, &scopes::own(&cast.ada), &whole, &cast).await {
        outcome.unwrap();
    }
}

#[tokio::test]
async fn a_part_needs_its_whole_to_be_in_its_tenant() {
    let world = world();
    let cast = world.cast().await;
    let mut whole = shown(&world, &cast).await;
    for outcome in add_parts(&world, &scopes::whole(&cast.eve), &whole, &cast).await.into_iter().take(6) {
        assert_refused!(outcome, StoreError::OutOfScope(_));
    }
    // The same parts, said to be of the other tenant.
    let theirs: TenantId = cast.eve.tenant_id.unwrap();
    whole.conversation.tenant_id = theirs;
    whole.chain.iter_mut().for_each(|message| message.tenant_id = theirs);
    whole.collection.tenant_id = theirs;
    whole.source.tenant_id = theirs;
    whole.version.tenant_id = theirs;
    for outcome in add_parts(&world, &scopes::whole(&cast.eve), &whole, &cast).await {
        assert_refused!(outcome, StoreError::ForeignKey);
    }
}

#[tokio::test]
async fn what_is_shown_is_not_to_be_changed() {
    let world = world();
    let cast = world.cast().await;
    let Shown { conversation, chain, collection, source, version, .. } = shown(&world, &cast).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    world.write(&scopes::own(&cast.ada), async |tx| open_stream(tx, &stream).await).await;
    let at = world.make.now();
    let head = HeadMove { current_message_id: None, head_version: 9, next_seq: 9, message_count: 0, at };
    let progress = VersionProgress { status: Some(ProcessingStatus::Processing), error: None, at };
    let scope = scopes::visible(&cast.bob);
    world
        .write(&scope, async |tx: &dyn Tx| {
            assert!(tx.conversations().get(conversation.id).await?.is_some(), "it is shown");
            assert!(tx.conversations().lock(conversation.id).await?.is_none());
            assert_refused!(tx.conversations().update(&conversation).await, StoreError::Stale);
            assert_refused!(tx.conversations().move_head(conversation.id, &head).await, StoreError::Stale);
            let usage = tx.conversations().add_usage(conversation.id, UsageTotals::default(), None).await;
            assert_refused!(usage, StoreError::Stale);
            assert_refused!(tx.messages().set_active_child(chain[0].id, chain[1].id).await, StoreError::Stale);
            assert_refused!(tx.messages().activate_path(chain[1].id).await, StoreError::Stale);
            assert!(!tx.streams().request_stop(stream.id, at).await?);
            let lease = lease_of(&stream);
            assert_refused!(tx.streams().record_call(lease, 1).await, StoreError::Stale);
            assert_refused!(tx.streams().append(lease, &[], at).await, StoreError::Stale);
            assert_refused!(tx.streams().finish(lease, StreamState::Stopped, &[], at).await, StoreError::Stale);
            assert!(tx.sources().get(source.id).await?.is_some(), "it is shown");
            assert_refused!(tx.sources().set_status(source.id, &progress).await, StoreError::Stale);
            assert_refused!(tx.sources().set_version_status(version.id, &progress).await, StoreError::Stale);
            assert_refused!(tx.sources().update_version(&version).await, StoreError::Stale);
            assert_refused!(tx.sources().publish(source.id, version.id, at).await, StoreError::Stale);
            assert_refused!(tx.chunk_index().publish(source.id, version.id, None).await, StoreError::Stale);
            assert_refused!(tx.collections().record_change(collection.id, 1).await, StoreError::Stale);
            Ok(())
        })
        .await;
}

#[tokio::test]
async fn a_job_is_found_and_vectors_are_counted_as_their_source_is_reached() {
    let world = world();
    let cast = world.cast().await;
    let Shown { source, version, .. } = shown(&world, &cast).await;
    let job = world.make.job(&source);
    world.write(&scopes::system(&cast.ada), async |tx| tx.jobs().enqueue(&job).await).await;
    for (scope, seen) in [
        (scopes::own(&cast.ada), true),
        (scopes::visible(&cast.bob), true),
        (scopes::own(&cast.bob), false),
        (scopes::nothing(&cast.ada), false),
        (scopes::whole(&cast.eve), false),
    ] {
        let found = world.read(&scope, async |tx| tx.jobs().find_by_source(source.id).await).await;
        assert_eq!(found.is_some(), seen, "{scope:?}");
        let count = world.read(&scope, async |tx| tx.chunk_index().count(version.id, "m").await).await;
        assert_eq!(count, u64::from(seen), "{scope:?}");
    }
}

#[tokio::test]
async fn a_source_is_out_of_reach_with_its_collection() {
    let world = world();
    let cast = world.cast().await;
    let private = world.make.collection(&cast.bob);
    let source = Source { user_id: Some(cast.ada.id), ..world.make.source(&private) };
    world
        .write(&scopes::system(&cast.ada), async |tx| {
            tx.collections().insert(&private).await?;
            tx.sources().insert(&source).await
        })
        .await;
    assert_eq!(world.read(&scopes::visible(&cast.ada), async |tx| tx.sources().get(source.id).await).await, None);
    assert_eq!(world.read(&scopes::own(&cast.bob), async |tx| tx.sources().get(source.id).await).await, Some(source));
}

#[tokio::test]
async fn roles_are_the_tenants_and_having_one_is_the_users() {
    let world = world();
    let cast = world.cast().await;
    let role = world.make.role(cast.ada.tenant_id.unwrap(), "editor");
    let given = world.make.assignment(&cast.ada, &role);
    world
        .write(&scopes::system(&cast.ada), async |tx| {
            tx.roles().insert(&role).await?;
            tx.roles().assign(&given).await
        })
        .await;
    for (scope, has, found) in [
        (scopes::whole(&cast.bob), 1, true),
        (scopes::visible(&cast.ada), 1, false),
        (scopes::visible(&cast.bob), 0, false),
        (scopes::nothing(&cast.ada), 0, false),
    ] {
        let roles = world.read(&scope, async |tx| tx.roles().of_user(cast.ada.id).await).await;
        assert_eq!(roles.len(), has, "{scope:?}");
        let by_name = world.read(&scope, async |tx| tx.roles().find_by_name("editor").await).await;
        assert_eq!(by_name.is_some(), found, "{scope:?}");
    }
    let taken = world.make.assignment(&cast.bob, &role);
    // Nobody gives itself a role.
    let outcome = world.attempt(&scopes::own(&cast.bob), async |tx| tx.roles().assign(&taken).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
    let tx = world.begin(&Scope::system("test"), domain::store::Mode::Read).await;
    assert_refused!(tx.roles().of_user(cast.ada.id).await, StoreError::OutOfScope(_));
    assert_refused!(tx.roles().find_by_name("editor").await, StoreError::OutOfScope(_));
}

#[tokio::test]
async fn a_strangers_record_renews_and_forgets_nothing() {
    let world = world();
    let cast = world.cast().await;
    let call = world.make.call(&cast.ada);
    world.write(&scopes::own(&cast.ada), async |tx| tx.usage().record_call(&call).await).await;
    let lease_expires_at = world.make.in_seconds(999);
    let theirs = ProviderCall { user_id: Some(cast.bob.id), lease_expires_at, ..call.clone() };
    world
        .write(&scopes::own(&cast.bob), async |tx| {
            tx.usage().record_call(&theirs).await?;
            tx.usage().forget_call(call.request_id).await
        })
        .await;
    let found = world.read(&scopes::own(&cast.ada), async |tx| tx.usage().call(call.request_id).await).await;
    assert_eq!(found, Some(call));
}

#[tokio::test]
async fn files_are_swept_by_those_who_see_them_all() {
    let world = world();
    let cast = world.cast().await;
    let outcome = world.attempt(&scopes::visible(&cast.ada), async |tx| tx.sources().unnamed_files(&[]).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}

#[tokio::test]
async fn commands_without_a_time_take_the_stores() {
    let world = world();
    let cast = world.cast().await;
    let key = world.make.api_key(&cast.ada);
    let Shown { chain, .. } = shown(&world, &cast).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    world.make.clock.advance(TimeDelta::seconds(5));
    let (scope, now) = (scopes::own(&cast.ada), world.make.now());
    world
        .write(&scope, async |tx| {
            tx.api_keys().insert(&key).await?;
            tx.api_keys().record_use(key.id, now).await?;
            open_stream(tx, &stream).await?;
            tx.streams().record_call(lease_of(&stream), 7).await
        })
        .await;
    let key = world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await.unwrap();
    assert_eq!((key.last_used_at, key.updated_at), (Some(now), now));
    let stream = world.read(&scope, async |tx| tx.streams().get(stream.id).await).await.unwrap();
    assert_eq!((stream.estimated_input_tokens, stream.updated_at), (Some(7), now));
}

#[tokio::test]
async fn a_user_keeps_its_tenant_and_its_time_of_creation() {
    let world = world();
    let cast = world.cast().await;
    let moved = domain::identity::User {
        tenant_id: cast.eve.tenant_id,
        created_at: world.make.in_seconds(9),
        display_name: Some("Ada".to_owned()),
        ..cast.ada.clone()
    };
    let scope = scopes::own(&cast.ada);
    world.write(&scope, async |tx| tx.users().update(&moved).await).await;
    let expected = domain::identity::User { display_name: Some("Ada".to_owned()), ..cast.ada };
    assert_eq!(world.read(&scope, async |tx| tx.users().get(expected.id).await).await, Some(expected));
}

#[tokio::test]
async fn a_reference_may_be_fulfilled_until_the_commit() {
    let world = world();
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let mut conversation = world.make.conversation(&cast.ada);
    let chain = world.make.chain(&conversation, 2);
    conversation.current_message_id = Some(chain[1].id);
    let alone = world.attempt(&scope, async |tx| tx.conversations().insert(&conversation).await).await;
    assert_refused!(alone, StoreError::ForeignKey);
    assert_eq!(world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await, None);
    world
        .write(&scope, async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await
        })
        .await;
    let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
    assert_eq!(found, Some(conversation));
}
