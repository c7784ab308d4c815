//! The right to read is inside the query of the index.

use std::collections::BTreeSet;

use domain::{
    access::Scope,
    gateways::Readable,
    ids::{ChunkId, CollectionId},
    knowledge::{Collection, CollectionVisibility, Source},
};

use super::{MODEL, published};
use crate::{World, normalised, scopes};

async fn found(world: &World, scope: &Scope, collections: Option<Vec<CollectionId>>) -> [BTreeSet<ChunkId>; 2] {
    let readable = Readable { collections };
    let vector = normalised(&[1.0, 1.0]);
    let near = world.read(scope, async |tx| tx.chunk_index().nearest(MODEL, &vector, &readable, 100).await).await;
    let words = world.read(scope, async |tx| tx.chunk_index().lexical("apples", &readable, 100).await).await;
    [near, words].map(|hits| hits.into_iter().map(|hit| hit.chunk_id).collect())
}

/// Own, visible, the tenant, nothing; a source that is narrowed is found by its owner only.
pub async fn reaches_are_predicates(world: World) {
    let cast = world.cast().await;
    let shared = Collection { visibility: CollectionVisibility::Shared, ..world.make.collection(&cast.ada) };
    let private = world.make.collection(&cast.ada);
    let foreign = Collection { visibility: CollectionVisibility::Shared, ..world.make.collection(&cast.eve) };
    for collection in [&shared, &private, &foreign] {
        let scope = Scope::system_in(collection.tenant_id);
        world.write(&scope, async |tx| tx.collections().insert(collection).await).await;
    }
    let narrowed = Source { visibility: Some(CollectionVisibility::Private), ..world.make.source(&shared) };
    let mut chunks = Vec::new();
    for source in [world.make.source(&shared), narrowed, world.make.source(&private), world.make.source(&foreign)] {
        chunks.push(published(&world, &source, "red apples", &[1.0, 0.5]).await);
    }
    for (scope, seen) in [
        (scopes::own(&cast.ada), &chunks[..3]),
        (scopes::visible(&cast.ada), &chunks[..3]),
        (scopes::own(&cast.bob), &[]),
        (scopes::visible(&cast.bob), &chunks[..1]),
        (scopes::whole(&cast.bob), &chunks[..3]),
        (scopes::system(&cast.bob), &chunks[..3]),
        (scopes::nothing(&cast.ada), &[]),
        (scopes::visible(&cast.eve), &chunks[3..]),
        (scopes::whole(&cast.eve), &chunks[3..]),
    ] {
        let expected: BTreeSet<ChunkId> = seen.iter().copied().collect();
        assert_eq!(found(&world, &scope, None).await, [expected.clone(), expected], "{scope:?}");
    }
}

/// A choice of collections narrows what is found and never widens it.
pub async fn a_choice_of_collections_narrows(world: World) {
    let cast = world.cast().await;
    let mut chunks = Vec::new();
    let mut collections = Vec::new();
    for owner in [&cast.ada, &cast.ada, &cast.bob] {
        let collection = world.make.collection(owner);
        world.write(&scopes::own(owner), async |tx| tx.collections().insert(&collection).await).await;
        chunks.push(published(&world, &world.make.source(&collection), "green apples", &[0.5, 1.0]).await);
        collections.push(collection.id);
    }
    let scope = scopes::visible(&cast.ada);
    for (choice, seen) in [
        (Some(vec![collections[0]]), &chunks[..1]),
        (Some(vec![collections[1], collections[0]]), &chunks[..2]),
        (Some(vec![collections[2]]), &[]),
        (Some(vec![world.make.id()]), &[]),
        (Some(Vec::new()), &[]),
        (None, &chunks[..2]),
    ] {
        let expected: BTreeSet<ChunkId> = seen.iter().copied().collect();
        assert_eq!(found(&world, &scope, choice).await, [expected.clone(), expected]);
    }
}

/// Nobody publishes a version of a source that is out of reach.
pub async fn strangers_publish_nothing(world: World) {
    let cast = world.cast().await;
    let (_, source, version) = super::shelf(&world, &cast).await;
    let chunk = world.make.chunk(&version, 0, "apples");
    let chunks = [(chunk, vec![1.0, 1.0])];
    world.write(&scopes::own(&cast.ada), async |tx| super::add_chunks(tx, &world, &chunks).await).await;
    let theirs = scopes::system(&cast.eve);
    let outcome = world.attempt(&theirs, async |tx| tx.chunk_index().publish(source.id, version.id, None).await).await;
    assert!(outcome.is_err(), "a stranger changed the index");
    assert_eq!(world.read(&theirs, async |tx| tx.chunk_index().count(version.id, MODEL).await).await, 0);
    assert_eq!(found(&world, &scopes::whole(&cast.ada), None).await, [BTreeSet::new(), BTreeSet::new()]);
}
