//! Versions of sources.

use std::sync::atomic::{AtomicI32, Ordering};

use async_trait::async_trait;
use domain::{
    access::{Permission, Purpose, Scope},
    gateways::BlobKey,
    knowledge::{
        ChunkingSettings, Collection, CollectionVisibility, ProcessingStatus, Source, SourceVersion, VersionProgress,
    },
    store::{StoreError, Tx},
};

use super::{progress, shelf};
use crate::{Fixtures, Key, Person, Reference, Subject, Unique, Verb, World, assert_refused, may_add_part, scopes};

/// Versions of a source.
pub struct SourceVersions {
    collection: Collection,
    source: Source,
    number: AtomicI32,
}

/// The version with all that an update may change; the same each time.
fn changed(make: &Fixtures, version: SourceVersion) -> SourceVersion {
    SourceVersion {
        content_hash: "0f".repeat(32),
        text_storage_key: Some(BlobKey::new(version.tenant_id, version.id.0)),
        character_count: 1_000_000,
        page_count: Some(12),
        charset: Some("windows-1251".to_owned()),
        chunking: ChunkingSettings { target_tokens: 3, max_tokens: 4, overlap_tokens: 1 },
        chunk_count: 99,
        embedding_model: Some("local/mini".to_owned()),
        embedding_dimension: Some(384),
        published_at: Some(make.in_seconds(3)),
        updated_at: make.in_seconds(4),
        ..version
    }
}

#[async_trait]
impl Subject for SourceVersions {
    type Row = SourceVersion;
    type Whole = Collection;

    const NAME: &'static str = "source_versions";
    const ACCESS: [Permission; 2] = [Permission::KnowledgeRead, Permission::KnowledgeWrite];
    const ALIKE: &'static [&'static str] = &["tenant_id", "source_id", "collection_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let collection = make.collection(&person.user);
        Self { source: make.source(&collection), collection, number: AtomicI32::new(1) }
    }

    fn shown(self) -> Option<Self> {
        let collection = Collection { visibility: CollectionVisibility::Shared, ..self.collection };
        Some(Self { collection, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.collections().insert(&self.collection).await?;
        tx.sources().insert(&self.source).await
    }

    fn plain(&self, make: &Fixtures) -> SourceVersion {
        make.version(&self.source, self.number.fetch_add(1, Ordering::Relaxed))
    }

    fn full(&self, make: &Fixtures) -> SourceVersion {
        let failed =
            SourceVersion { status: ProcessingStatus::Error, error: Some("no".to_owned()), ..self.plain(make) };
        changed(make, failed)
    }

    fn whole<'a>(&'a self, _: &'a SourceVersion) -> &'a Collection {
        &self.collection
    }

    async fn insert(&self, tx: &dyn Tx, version: &SourceVersion) -> Result<(), StoreError> {
        tx.sources().insert_version(version).await
    }

    async fn find(&self, tx: &dyn Tx, version: &SourceVersion) -> Result<Option<SourceVersion>, StoreError> {
        tx.sources().version(version.id).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up("latest_version", |_, tx, version, _| {
                Box::pin(
                    async move { Ok(tx.sources().latest_version(version.source_id).await?.as_ref() == Some(version)) },
                )
            }),
            // An update writes every field but the status, the error and the identity.
            Verb::<Self>::command(
                "update_version",
                |_, tx, version, at| {
                    Box::pin(async move {
                        let asked = SourceVersion {
                            status: ProcessingStatus::Processed,
                            error: Some("ignored".to_owned()),
                            version: 77,
                            ..changed(at.make, version.clone())
                        };
                        tx.sources().update_version(&asked).await
                    })
                },
                |version, at| *version = changed(at.make, version.clone()),
            ),
            Verb::<Self>::command(
                "set_version_status",
                |_, tx, version, at| {
                    Box::pin(async move {
                        let status = Some(ProcessingStatus::Processing);
                        let step = VersionProgress { status, error: Some("so far".to_owned()), at: at.time };
                        tx.sources().set_version_status(version.id, &step).await
                    })
                },
                |version, at| {
                    version.status = ProcessingStatus::Processing;
                    version.error = Some("so far".to_owned());
                    version.updated_at = at.time;
                },
            ),
            Verb::<Self>::command(
                "publish",
                |_, tx, version, at| {
                    Box::pin(
                        async move { tx.sources().publish(version.source_id, version.id, at.time).await.map(drop) },
                    )
                },
                |version, at| {
                    version.published_at = Some(at.time);
                    version.updated_at = at.time;
                },
            ),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["source_versions"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            Key::<Self>::new(&["source_versions", "version"], Unique::Tenant, |stored, twin| {
                twin.version = stored.version
            }),
        ]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("source_id", |row, other| SourceVersion { source_id: other.source.id, ..row }),
            Reference::<Self>::new("collection_id", |row, other| SourceVersion {
                collection_id: other.collection.id,
                ..row
            }),
        ]
    }

    fn reaches(&self, _: &str, scope: &Scope, _: &SourceVersion, purpose: Purpose) -> Result<bool, StoreError> {
        Ok(scope.filter::<Collection>(purpose)?.admits_source(&self.source, &self.collection))
    }

    fn may_add(&self, scope: &Scope, version: &SourceVersion) -> Result<(), StoreError> {
        may_add_part(scope, &self.collection, self.reaches("insert", scope, version, Purpose::Change)?)
    }
}

/// The newest version is the one with the greatest number.
pub async fn the_newest_has_the_greatest_number(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, first) = shelf(&world, &cast).await;
    let [second, third] = [2, 3].map(|number| world.make.version(&source, number));
    for version in [&third, &second] {
        world.write(&scope, async |tx| tx.sources().insert_version(version).await).await;
    }
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.sources().version(first.id).await?, Some(first));
            assert_eq!(tx.sources().version(second.id).await?, Some(second));
            assert_eq!(tx.sources().latest_version(source.id).await?, Some(third));
            assert_eq!(tx.sources().latest_version(world.make.id()).await?, None);
            Ok(())
        })
        .await;
}

/// A version belongs to its source and to the collection of that.
pub async fn a_version_is_of_its_sources_collection(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, _) = shelf(&world, &cast).await;
    let (other, ..) = shelf(&world, &cast).await;
    let broken = SourceVersion { collection_id: other.id, ..world.make.version(&source, 2) };
    let outcome = world.attempt(&scope, async |tx| tx.sources().insert_version(&broken).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
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
                let current = Source { current_version_id: Some(version.id), updated_at: at, ..source.clone() };
                assert_eq!(tx.sources().get(source.id).await?, Some(current));
                let published = SourceVersion { published_at: Some(at), updated_at: at, ..version.clone() };
                assert_eq!(tx.sources().version(version.id).await?, Some(published));
                Ok(())
            })
            .await;
    }
}

/// Only a version of the source is published for it, and not by a stranger.
pub async fn only_own_versions_are_published(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, source, version) = shelf(&world, &cast).await;
    let (_, _, foreign) = shelf(&world, &cast).await;
    let at = world.make.now();
    for wrong in [foreign.id, world.make.id()] {
        let outcome = world.attempt(&scope, async |tx| tx.sources().publish(source.id, wrong, at).await).await;
        assert!(outcome.is_err(), "a version of another source was published");
    }
    for stranger in cast.strangers() {
        let outcome = world.attempt(&stranger, async |tx| tx.sources().publish(source.id, version.id, at).await).await;
        assert_refused!(outcome, StoreError::Stale);
    }
    assert_eq!(world.read(&scope, async |tx| tx.sources().get(source.id).await).await, Some(source));
}
