//! Versions of sources.

use domain::{
    gateways::BlobKey,
    ids::IdGen,
    knowledge::{ChunkingSettings, ProcessingStatus, SourceVersion},
    store::StoreError,
};

use super::{progress, shelf};
use crate::{World, assert_conflict, assert_refused, scopes};

fn full(world: &World, version: SourceVersion) -> SourceVersion {
    let make = &world.make;
    SourceVersion {
        content_hash: make.hash().as_str().to_owned(),
        text_storage_key: Some(BlobKey::new(version.tenant_id, make.ids.random())),
        character_count: 1_000_000,
        page_count: Some(12),
        chunking: ChunkingSettings { target_tokens: 3, max_tokens: 4, overlap_tokens: 1 },
        chunk_count: 99,
        embedding_model: Some("local/mini".to_owned()),
        embedding_dimension: Some(384),
        published_at: Some(make.in_seconds(3)),
        updated_at: make.in_seconds(4),
        ..version
    }
}

/// Every field comes back; the newest version is the one with the greatest number.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, first) = shelf(&world, &cast).await;
    let second = SourceVersion {
        status: ProcessingStatus::Error,
        error: Some("no".to_owned()),
        ..full(&world, world.make.version(&source, 2))
    };
    world.write(&scope, async |tx| tx.sources().insert_version(&second).await).await;
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.sources().version(first.id).await?, Some(first));
            assert_eq!(tx.sources().version(second.id).await?.as_ref(), Some(&second));
            assert_eq!(tx.sources().latest_version(source.id).await?, Some(second));
            assert_eq!(tx.sources().latest_version(world.make.id()).await?, None);
            Ok(())
        })
        .await;
}

/// An update writes every field but the status, the error and the identity.
pub async fn an_update_leaves_the_status(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let changed = full(&world, version.clone());
    let asked = SourceVersion {
        status: ProcessingStatus::Processed,
        error: Some("ignored".to_owned()),
        version: 77,
        ..changed.clone()
    };
    world.write(&scope, async |tx| tx.sources().update_version(&asked).await).await;
    assert_eq!(world.read(&scope, async |tx| tx.sources().version(version.id).await).await, Some(changed));
}

/// Numbers are given once in a source, and a version belongs to its source and collection.
pub async fn numbers_and_references_are_checked(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, _) = shelf(&world, &cast).await;
    let (other, ..) = shelf(&world, &cast).await;
    let twin = world.make.version(&source, 1);
    let outcome = world.attempt(&scope, async |tx| tx.sources().insert_version(&twin).await).await;
    assert_conflict(outcome, &["source_versions", "version"]);
    let next = world.make.version(&source, 2);
    for broken in [
        SourceVersion { source_id: world.make.id(), ..next.clone() },
        SourceVersion { collection_id: other.id, ..next.clone() },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.sources().insert_version(&broken).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
}

/// Every step of the status that is allowed is taken, every other is refused by a check.
pub async fn only_allowed_steps_are_taken(world: World) {
    use ProcessingStatus as S;
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, _) = shelf(&world, &cast).await;
    let all = [S::Uploaded, S::Processing, S::Processed, S::Error];
    let mut number = 1;
    for from in all {
        for to in all {
            number += 1;
            let version = SourceVersion { status: from, ..world.make.version(&source, number) };
            world.write(&scope, async |tx| tx.sources().insert_version(&version).await).await;
            let step = progress(&world, to);
            let outcome =
                world.attempt(&scope, async |tx| tx.sources().set_version_status(version.id, &step).await).await;
            let found = world.read(&scope, async |tx| tx.sources().version(version.id).await).await.unwrap();
            if from.may_become(to) {
                outcome.unwrap();
                assert_eq!(found.status, to);
            } else {
                assert_refused!(outcome, StoreError::Check(_));
                assert_eq!(found, version);
            }
        }
    }
}

/// Publishing flips the pointer, tells the version before, and marks the time.
pub async fn publishing_flips_the_pointer(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, first) = shelf(&world, &cast).await;
    let second = world.make.version(&source, 2);
    world.write(&scope, async |tx| tx.sources().insert_version(&second).await).await;
    for (version, before, seconds) in [(&first, None, 1), (&second, Some(first.id), 2), (&first, Some(second.id), 3)] {
        let at = world.make.in_seconds(seconds);
        let previous = world.write(&scope, async |tx| tx.sources().publish(source.id, version.id, at).await).await;
        assert_eq!(previous, before);
        world
            .read(&scope, async |tx| {
                let found = tx.sources().get(source.id).await?.unwrap();
                assert_eq!(found.current_version_id, Some(version.id));
                let found = tx.sources().version(version.id).await?.unwrap();
                assert_eq!(found.published_at, Some(at));
                Ok(())
            })
            .await;
    }
}

/// Only a version of the source is published for it.
pub async fn only_own_versions_are_published(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, _) = shelf(&world, &cast).await;
    let (_, _, foreign) = shelf(&world, &cast).await;
    let at = world.make.now();
    for wrong in [foreign.id, world.make.id()] {
        let outcome = world.attempt(&scope, async |tx| tx.sources().publish(source.id, wrong, at).await).await;
        assert!(outcome.is_err(), "a version of another source was published");
    }
    assert_eq!(world.read(&scope, async |tx| tx.sources().get(source.id).await).await, Some(source));
}

/// Nobody else reads, changes or publishes a version.
pub async fn versions_are_out_of_reach_for_others(world: World) {
    let cast = world.cast().await;
    let (_, source, version) = shelf(&world, &cast).await;
    let changed = full(&world, version.clone());
    let step = progress(&world, ProcessingStatus::Processing);
    let at = world.make.now();
    for stranger in cast.strangers() {
        world
            .read(&stranger, async |tx| {
                assert_eq!(tx.sources().version(version.id).await?, None);
                assert_eq!(tx.sources().latest_version(source.id).await?, None);
                Ok(())
            })
            .await;
        let outcome = world.attempt(&stranger, async |tx| tx.sources().update_version(&changed).await).await;
        assert_refused!(outcome, StoreError::Stale);
        let outcome =
            world.attempt(&stranger, async |tx| tx.sources().set_version_status(version.id, &step).await).await;
        assert_refused!(outcome, StoreError::Stale);
        let outcome = world.attempt(&stranger, async |tx| tx.sources().publish(source.id, version.id, at).await).await;
        assert_refused!(outcome, StoreError::Stale);
    }
    let scope = scopes::own(&cast.ada);
    assert_eq!(world.read(&scope, async |tx| tx.sources().version(version.id).await).await, Some(version));
    assert_eq!(world.read(&scope, async |tx| tx.sources().get(source.id).await).await, Some(source));
}
