//! Chunks.

use domain::{ids::ChunkId, knowledge::Chunk, store::StoreError};

use super::shelf;
use crate::{World, assert_refused, scopes};

/// Every field comes back, in the order that is asked for.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let full = Chunk {
        heading_path: vec!["Guide".to_owned(), "A > B".to_owned(), "Über".to_owned()],
        page: Some(4),
        start: 10,
        end: 4_000_000_000,
        token_count: 512,
        created_at: world.make.in_seconds(1),
        ..world.make.chunk(&version, 1, "Text – with\nlines 🦀")
    };
    let plain = world.make.chunk(&version, 0, "plain");
    world.write(&scope, async |tx| tx.chunks().insert(&[full.clone(), plain.clone()]).await).await;
    let get = async |ids: &[ChunkId]| world.read(&scope, async |tx| tx.chunks().get_many(ids).await).await;
    assert_eq!(get(&[full.id, world.make.id(), plain.id]).await, [full.clone(), plain.clone()]);
    assert_eq!(get(&[plain.id, full.id]).await, [plain, full]);
    assert_eq!(get(&[]).await, []);
}

/// Chunks of a version stand by ordinal and are read in pages.
pub async fn a_version_is_read_by_ordinal(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let chunks: Vec<Chunk> = (0..7).map(|ordinal| world.make.chunk(&version, ordinal, "text")).collect();
    let mut shuffled = chunks.clone();
    shuffled.reverse();
    world.write(&scope, async |tx| tx.chunks().insert(&shuffled).await).await;
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.chunks().of_version(version.id, 0, 3).await?, chunks[..3]);
            assert_eq!(tx.chunks().of_version(version.id, 3, 100).await?, chunks[3..]);
            assert_eq!(tx.chunks().of_version(version.id, 7, 100).await?, []);
            assert_eq!(tx.chunks().count(version.id).await?, 7);
            assert_eq!(tx.chunks().count(world.make.id()).await?, 0);
            Ok(())
        })
        .await;
}

/// A worker that repeats a batch changes nothing: what is there stays.
pub async fn a_repeated_batch_changes_nothing(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let first = world.make.chunk(&version, 0, "first");
    let again = world.make.chunk(&version, 0, "again");
    let next = world.make.chunk(&version, 1, "next");
    world.write(&scope, async |tx| tx.chunks().insert(std::slice::from_ref(&first)).await).await;
    world.write(&scope, async |tx| tx.chunks().insert(&[again, next.clone()]).await).await;
    let found = world.read(&scope, async |tx| tx.chunks().of_version(version.id, 0, 10).await).await;
    assert_eq!(found, [first, next]);
}

/// Chunks belong to a version of their source and tenant.
pub async fn references_stay_in_the_tenant(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let (_, other, _) = shelf(&world, &cast).await;
    let chunk = world.make.chunk(&version, 0, "text");
    for broken in
        [Chunk { source_version_id: world.make.id(), ..chunk.clone() }, Chunk { source_id: other.id, ..chunk.clone() }]
    {
        let outcome = world.attempt(&scope, async |tx| tx.chunks().insert(&[broken]).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let foreign = Chunk { tenant_id: cast.eve.tenant_id.unwrap(), ..chunk.clone() };
    let outcome = world.attempt(&scopes::system(&cast.eve), async |tx| tx.chunks().insert(&[foreign]).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
    let outcome = world.attempt(&scopes::system(&cast.eve), async |tx| tx.chunks().insert(&[chunk]).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}

/// Chunks are read as their source is.
pub async fn chunks_are_out_of_reach_for_others(world: World) {
    let cast = world.cast().await;
    let (_, _, version) = shelf(&world, &cast).await;
    let chunk = world.make.chunk(&version, 0, "secret");
    let chunks = std::slice::from_ref(&chunk);
    world.write(&scopes::own(&cast.ada), async |tx| tx.chunks().insert(chunks).await).await;
    for stranger in cast.strangers() {
        world
            .read(&stranger, async |tx| {
                assert_eq!(tx.chunks().get_many(&[chunk.id]).await?, []);
                assert_eq!(tx.chunks().of_version(version.id, 0, 10).await?, []);
                assert_eq!(tx.chunks().count(version.id).await?, 0);
                Ok(())
            })
            .await;
    }
    let found = world.read(&scopes::whole(&cast.bob), async |tx| tx.chunks().get_many(&[chunk.id]).await).await;
    assert_eq!(found, chunks);
}
