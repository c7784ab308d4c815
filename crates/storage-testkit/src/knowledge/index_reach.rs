//! The right to read is inside the query of the index.

use std::collections::BTreeSet;

use domain::{
    access::Scope,
    gateways::{IndexEntry, Readable},
    ids::{ChunkId, CollectionId},
    knowledge::{Collection, CollectionVisibility, Source},
    store::{StoreError, Tx},
};

use super::{MODEL, add_chunks, publish, published, shelf};
use crate::{World, normalised, scopes};

/// More chunks than a backend looks through one by one.
const MANY: u32 = 700;

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

/// Among many chunks, too, what is narrowed to others takes no place, is not found by its words, and is gone for
/// everybody once another version is published.
pub async fn many_chunks_are_found_by_right(world: World) {
    let cast = world.cast().await;
    let collection = Collection { visibility: CollectionVisibility::Shared, ..world.make.collection(&cast.ada) };
    let shown = world.make.source(&collection);
    let hidden = Source { visibility: Some(CollectionVisibility::Private), ..world.make.source(&collection) };
    let question = normalised(&[1.0, 1.0]);
    let mut versions = Vec::new();
    world.write(&scopes::own(&cast.ada), async |tx| tx.collections().insert(&collection).await).await;
    for (source, count, text) in [(&shown, MANY, "green apples"), (&hidden, 20, "red apples, apples of a zebra")] {
        let version = world.make.version(source, 1);
        let chunks: Vec<_> = (0..count)
            .map(|ordinal| {
                // The shown ones point away from the question, each a little farther; the hidden ones at it.
                let turn = if source.id == shown.id { 1.0 + ordinal as f32 / MANY as f32 } else { 0.0 };
                (world.make.chunk(&version, ordinal, text), normalised(&[1.0 + turn, 1.0 - turn]))
            })
            .collect();
        world
            .write(&scopes::own(&cast.ada), async |tx| {
                tx.sources().insert(source).await?;
                tx.sources().insert_version(&version).await?;
                add_chunks(tx, &world, &chunks).await?;
                publish(tx, &world, &version).await
            })
            .await;
        versions.push(chunks.iter().map(|(chunk, _)| chunk.id).collect::<BTreeSet<_>>());
    }
    let find = async |scope: &Scope, words: &str| {
        let readable = Readable { collections: None };
        let index = async |tx: &dyn Tx| {
            let near = tx.chunk_index().nearest(MODEL, &question, &readable, 10).await?;
            Ok([near, tx.chunk_index().lexical(words, &readable, 10).await?])
        };
        world.read(scope, index).await.map(|hits| hits.iter().map(|hit| hit.chunk_id).collect::<Vec<_>>())
    };
    // More than once: what is asked for often may be answered from elsewhere.
    for _ in 0..3 {
        let [near, words] = find(&scopes::visible(&cast.bob), "apples of a zebra").await;
        assert_eq!((near.len(), words.len()), (10, 10));
        assert!(near.iter().chain(&words).all(|id| versions[0].contains(id)));
        let [near, words] = find(&scopes::visible(&cast.ada), "apples of a zebra").await;
        assert_eq!((near.len(), words.len()), (10, 10));
        assert!(near.iter().chain(&words).all(|id| versions[1].contains(id)));
    }
    let second = world.make.version(&shown, 2);
    let last = world.make.chunk(&second, 0, "a single pear");
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.sources().insert_version(&second).await?;
            add_chunks(tx, &world, &[(last.clone(), question.clone())]).await?;
            publish(tx, &world, &second).await
        })
        .await;
    assert_eq!(find(&scopes::visible(&cast.bob), "pear").await, [vec![last.id], vec![last.id]]);
    assert_eq!(find(&scopes::visible(&cast.bob), "apples").await, [vec![last.id], vec![]]);
    assert_eq!(find(&scopes::visible(&cast.ada), "apples").await[1].len(), 10);
}

/// Nobody indexes a source that is out of reach, or publishes a version of it; what is merely shown is
/// read, and not changed.
pub async fn strangers_index_nothing(world: World) {
    let cast = world.cast().await;
    let of_bob = [scopes::visible(&cast.bob), scopes::own(&cast.bob), scopes::nothing(&cast.bob)];
    let others = [scopes::nothing(&cast.ada), scopes::whole(&cast.eve), scopes::system(&cast.eve)];
    for visibility in [CollectionVisibility::Private, CollectionVisibility::Shared] {
        let collection = Collection { visibility, ..world.make.collection(&cast.ada) };
        let source = world.make.source(&collection);
        let version = world.make.version(&source, 1);
        let [indexed, left] = [0, 1].map(|ordinal| world.make.chunk(&version, ordinal, "apples"));
        world
            .write(&scopes::own(&cast.ada), async |tx| {
                tx.collections().insert(&collection).await?;
                tx.sources().insert(&source).await?;
                tx.sources().insert_version(&version).await?;
                tx.chunks().insert(&[indexed.clone(), left.clone()]).await?;
                tx.chunk_index().insert(&[world.make.entry(&indexed, MODEL, &[1.0, 1.0])]).await
            })
            .await;
        let entries = [world.make.entry(&left, MODEL, &[1.0, 1.0])];
        for scope in of_bob.iter().chain(&others) {
            let may_read = visibility == CollectionVisibility::Shared && *scope == of_bob[0];
            let count = world.read(scope, async |tx| tx.chunk_index().count(version.id, MODEL).await).await;
            assert_eq!(count, u64::from(may_read), "{scope:?}");
            let outcome = world.attempt(scope, async |tx| tx.chunk_index().insert(&entries).await).await;
            assert!(matches!(outcome, Err(StoreError::Stale | StoreError::ForeignKey)), "{scope:?}: {outcome:?}");
            let publish = async |tx: &dyn Tx| tx.chunk_index().publish(source.id, version.id, None).await;
            let outcome = world.attempt(scope, publish).await;
            assert!(matches!(outcome, Err(StoreError::Stale | StoreError::ForeignKey)), "{scope:?}: {outcome:?}");
        }
        let own = scopes::own(&cast.ada);
        let count = world.read(&own, async |tx| tx.chunk_index().count(version.id, MODEL).await).await;
        assert_eq!(count, 1);
        assert_eq!(found(&world, &scopes::whole(&cast.ada), None).await, [BTreeSet::new(), BTreeSet::new()]);
    }
}

/// A vector stands where its chunk does: a source of one's own is no way to the chunks of a colleague, or to
/// those of another source.
pub async fn a_vector_stands_where_its_chunk_does(world: World) {
    let cast = world.cast().await;
    let (collection, source, version) = shelf(&world, &cast).await;
    let home = world.make.collection(&cast.bob);
    let of_bob = world.make.source(&home);
    let version_of_bob = world.make.version(&of_bob, 1);
    let chunk = world.make.chunk(&version_of_bob, 0, "apples");
    world
        .write(&scopes::own(&cast.bob), async |tx| {
            tx.collections().insert(&home).await?;
            tx.sources().insert(&of_bob).await?;
            tx.sources().insert_version(&version_of_bob).await?;
            tx.chunks().insert(std::slice::from_ref(&chunk)).await
        })
        .await;
    let right = world.make.entry(&chunk, MODEL, &[1.0, 1.0]);
    let whole = scopes::system(&cast.ada);
    for wrong in [
        IndexEntry { source_id: source.id, ..right.clone() },
        IndexEntry { collection_id: collection.id, ..right.clone() },
        IndexEntry { source_version_id: version.id, ..right.clone() },
    ] {
        for scope in [scopes::own(&cast.ada), scopes::own(&cast.bob), whole.clone()] {
            let insert = async |tx: &dyn Tx| tx.chunk_index().insert(std::slice::from_ref(&wrong)).await;
            let outcome = world.attempt(&scope, insert).await;
            assert!(matches!(outcome, Err(StoreError::Stale | StoreError::ForeignKey)), "{scope:?}: {outcome:?}");
        }
    }
    for version in [version.id, version_of_bob.id] {
        assert_eq!(world.read(&whole, async |tx| tx.chunk_index().count(version, MODEL).await).await, 0);
    }
}
