//! Collections.

use domain::{
    ids::CollectionId,
    knowledge::{ChunkingSettings, Collection, CollectionVisibility},
    store::StoreError,
};

use super::{published, shelf};
use crate::{World, assert_refused, page::walk, scopes};

/// Every field comes back.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let parent = Collection {
        user_id: None,
        description: Some("All – für alle".to_owned()),
        visibility: CollectionVisibility::Shared,
        chunking: ChunkingSettings { target_tokens: 1, max_tokens: 2, overlap_tokens: 0 },
        chunk_count: 7,
        generation: 8,
        updated_at: world.make.in_seconds(1),
        ..world.make.collection(&cast.ada)
    };
    let child = Collection {
        parent_id: Some(parent.id),
        visibility: CollectionVisibility::Restricted,
        ..world.make.collection(&cast.ada)
    };
    for collection in [parent, child, world.make.collection(&cast.bob)] {
        world.write(&scope, async |tx| tx.collections().insert(&collection).await).await;
        let found = world.read(&scope, async |tx| tx.collections().get(collection.id).await).await;
        assert_eq!(found, Some(collection));
    }
}

/// Own: the user's. Visible: also shared ones. Tenant: all. Nothing: none.
pub async fn reaches_are_predicates(world: World) {
    use CollectionVisibility as V;
    let cast = world.cast().await;
    let make = |visibility| Collection { visibility, ..world.make.collection(&cast.ada) };
    let collections = [make(V::Private), make(V::Restricted), make(V::Shared)];
    for collection in &collections {
        world.write(&scopes::own(&cast.ada), async |tx| tx.collections().insert(collection).await).await;
    }
    for (scope, seen) in [
        (scopes::own(&cast.ada), [true, true, true]),
        (scopes::visible(&cast.ada), [true, true, true]),
        (scopes::own(&cast.bob), [false, false, false]),
        (scopes::visible(&cast.bob), [false, false, true]),
        (scopes::whole(&cast.bob), [true, true, true]),
        (scopes::system(&cast.bob), [true, true, true]),
        (scopes::nothing(&cast.ada), [false, false, false]),
        (scopes::whole(&cast.eve), [false, false, false]),
    ] {
        let listed = world.read(&scope, async |tx| tx.collections().list(None, Default::default()).await).await;
        let ids: Vec<CollectionId> = collections.iter().map(|collection| collection.id).collect();
        let found = world.read(&scope, async |tx| tx.collections().with_descendants(&ids).await).await;
        for (collection, seen) in collections.iter().zip(seen) {
            let got = world.read(&scope, async |tx| tx.collections().get(collection.id).await).await;
            assert_eq!(got.is_some(), seen, "{scope:?} {:?}", collection.visibility);
            assert_eq!(listed.items.contains(collection), seen, "{scope:?} {:?}", collection.visibility);
            assert_eq!(found.contains(&collection.id), seen, "{scope:?} {:?}", collection.visibility);
        }
    }
}

/// The list is complete and in order, page by page; with a parent only its children.
pub async fn the_list_is_newest_first(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let parent = world.make.collection(&cast.ada);
    world.write(&scope, async |tx| tx.collections().insert(&parent).await).await;
    let mut children = Vec::new();
    for number in 0..5 {
        if number == 3 {
            world.make.clock.advance(chrono::TimeDelta::microseconds(1));
        }
        let child = Collection { parent_id: Some(parent.id), ..world.make.collection(&cast.ada) };
        world.write(&scope, async |tx| tx.collections().insert(&child).await).await;
        children.push(child);
    }
    let newest = |mut rows: Vec<Collection>| {
        rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, row.id)));
        rows
    };
    for above in [None, Some(parent.id)] {
        let listed =
            walk(2, async |page| world.read(&scope, async |tx| tx.collections().list(above, page).await).await);
        let mut expected = children.clone();
        expected.extend(above.is_none().then(|| parent.clone()));
        assert_eq!(listed.await, newest(expected));
    }
}

/// A collection stands as deep as there are others above it, and takes all below it along.
pub async fn collections_nest(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let mut chain: Vec<Collection> = Vec::new();
    for depth in 0..5 {
        let parent_id = chain.last().map(|above| above.id);
        let collection = Collection { parent_id, ..world.make.collection(&cast.ada) };
        world.write(&scope, async |tx| tx.collections().insert(&collection).await).await;
        let found = world.read(&scope, async |tx| tx.collections().depth(collection.id).await).await;
        assert_eq!(found, depth);
        chain.push(collection);
    }
    let side = Collection { parent_id: Some(chain[1].id), ..world.make.collection(&cast.ada) };
    world.write(&scope, async |tx| tx.collections().insert(&side).await).await;
    let mut expected: Vec<CollectionId> = chain[1..].iter().chain([&side]).map(|row| row.id).collect();
    expected.sort_unstable();
    let asked = [chain[1].id, chain[3].id, world.make.id()];
    let mut found = world.read(&scope, async |tx| tx.collections().with_descendants(&asked).await).await;
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(world.read(&scope, async |tx| tx.collections().with_descendants(&[]).await).await, []);
}

/// Parents and owners are of the tenant; a collection is added in its tenant only.
pub async fn references_stay_in_the_tenant(world: World) {
    let cast = world.cast().await;
    let theirs = world.make.collection(&cast.eve);
    world.write(&scopes::own(&cast.eve), async |tx| tx.collections().insert(&theirs).await).await;
    let ours = world.make.collection(&cast.ada);
    for broken in [
        Collection { parent_id: Some(theirs.id), ..ours.clone() },
        Collection { parent_id: Some(world.make.id()), ..ours.clone() },
        Collection { user_id: Some(cast.eve.id), ..ours.clone() },
    ] {
        let outcome =
            world.attempt(&scopes::system(&cast.ada), async |tx| tx.collections().insert(&broken).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let outcome = world.attempt(&scopes::system(&cast.eve), async |tx| tx.collections().insert(&ours).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}

/// Changes raise the generation and count chunks; strangers change nothing.
pub async fn changes_are_counted(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (collection, ..) = shelf(&world, &cast).await;
    world
        .write(&scope, async |tx| {
            tx.collections().record_change(collection.id, 5).await?;
            tx.collections().record_change(collection.id, -2).await
        })
        .await;
    for stranger in cast.strangers() {
        let outcome = world.attempt(&stranger, async |tx| tx.collections().record_change(collection.id, 1).await).await;
        assert_refused!(outcome, StoreError::Stale);
    }
    let found = world.read(&scope, async |tx| tx.collections().get(collection.id).await).await.unwrap();
    assert_eq!((found.generation, found.chunk_count), (2, 3));
}

/// Whether there is anything to search at all, as far as the scope reaches.
pub async fn it_is_known_whether_there_are_chunks(world: World) {
    let cast = world.cast().await;
    let has = async |scope| world.read(&scope, async |tx| tx.collections().has_chunks().await).await;
    let collection = world.make.collection(&cast.ada);
    world.write(&scopes::own(&cast.ada), async |tx| tx.collections().insert(&collection).await).await;
    assert!(!has(scopes::system(&cast.ada)).await);
    published(&world, &world.make.source(&collection), "some words", &[1.0, 0.0]).await;
    assert!(has(scopes::own(&cast.ada)).await);
    assert!(has(scopes::whole(&cast.bob)).await);
    for stranger in cast.strangers() {
        assert!(!has(stranger).await);
    }
}
