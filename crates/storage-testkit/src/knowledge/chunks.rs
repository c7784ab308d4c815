//! Chunks.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use domain::{
    access::{Permission, Purpose, Scope},
    ids::ChunkId,
    knowledge::{Chunk, Collection, CollectionVisibility, Source, SourceVersion},
    store::{StoreError, Tx},
};

use super::shelf;
use crate::{
    Fixtures, Key, Person, Reading, Reference, Subject, Unique, Verb, World, assert_refused, may_add_part, scopes,
};

/// Chunks of a version.
pub struct Chunks {
    collection: Collection,
    source: Source,
    version: SourceVersion,
    ordinal: AtomicU32,
}

#[async_trait]
impl Subject for Chunks {
    type Row = Chunk;
    type Whole = Collection;

    const NAME: &'static str = "chunks";
    const ACCESS: [Permission; 2] = [Permission::KnowledgeRead, Permission::KnowledgeWrite];
    const READING: Reading = Reading::Otherwise;
    const ALIKE: &'static [&'static str] = &["tenant_id", "collection_id", "source_id", "source_version_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let collection = make.collection(&person.user);
        let source = make.source(&collection);
        Self { version: make.version(&source, 1), source, collection, ordinal: AtomicU32::new(0) }
    }

    fn shown(self) -> Option<Self> {
        let collection = Collection { visibility: CollectionVisibility::Shared, ..self.collection };
        Some(Self { collection, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.collections().insert(&self.collection).await?;
        tx.sources().insert(&self.source).await?;
        tx.sources().insert_version(&self.version).await
    }

    fn plain(&self, make: &Fixtures) -> Chunk {
        make.chunk(&self.version, self.ordinal.fetch_add(1, Ordering::Relaxed), "plain")
    }

    fn full(&self, make: &Fixtures) -> Chunk {
        Chunk {
            content: "Text – with\nlines 🦀".to_owned(),
            heading_path: vec!["Guide".to_owned(), "A > B".to_owned(), "Über".to_owned()],
            page: Some(4),
            start: 10,
            end: 4_000_000_000,
            token_count: 512,
            created_at: make.in_seconds(1),
            ..self.plain(make)
        }
    }

    fn whole<'a>(&'a self, _: &'a Chunk) -> &'a Collection {
        &self.collection
    }

    async fn insert(&self, tx: &dyn Tx, chunk: &Chunk) -> Result<(), StoreError> {
        tx.chunks().insert(std::slice::from_ref(chunk)).await
    }

    async fn find(&self, tx: &dyn Tx, chunk: &Chunk) -> Result<Option<Chunk>, StoreError> {
        Ok(tx.chunks().get_many(&[chunk.id]).await?.pop())
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up("get_many", |_, tx, chunk, _| {
                Box::pin(async move { Ok(tx.chunks().get_many(&[chunk.id]).await?.contains(chunk)) })
            }),
            Verb::<Self>::look_up("of_version", |_, tx, chunk, _| {
                Box::pin(
                    async move { Ok(tx.chunks().of_version(chunk.source_version_id, 0, 10).await?.contains(chunk)) },
                )
            }),
            Verb::<Self>::look_up("count", |_, tx, chunk, _| {
                Box::pin(async move { Ok(tx.chunks().count(chunk.source_version_id).await? == 1) })
            }),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["chunks"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("source_version_id", |chunk, other| Chunk {
                source_version_id: other.version.id,
                ..chunk
            }),
            Reference::<Self>::new("source_id", |chunk, other| Chunk { source_id: other.source.id, ..chunk }),
            Reference::<Self>::new("collection_id", |chunk, other| Chunk {
                collection_id: other.collection.id,
                ..chunk
            }),
        ]
    }

    fn reaches(&self, _: &str, scope: &Scope, _: &Chunk, purpose: Purpose) -> Result<bool, StoreError> {
        Ok(scope.filter::<Collection>(purpose)?.admits_source(&self.source, &self.collection))
    }

    fn may_add(&self, scope: &Scope, chunk: &Chunk) -> Result<(), StoreError> {
        may_add_part(scope, &self.collection, self.reaches("insert", scope, chunk, Purpose::Change)?)
    }
}

/// Chunks come in the order that is asked for; what is not there is left out.
pub async fn chunks_come_in_the_order_asked_for(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let [first, second] = [0, 1].map(|ordinal| world.make.chunk(&version, ordinal, "text"));
    world.write(&scope, async |tx| tx.chunks().insert(&[second.clone(), first.clone()]).await).await;
    let get = async |ids: &[ChunkId]| world.read(&scope, async |tx| tx.chunks().get_many(ids).await).await;
    assert_eq!(get(&[second.id, world.make.id(), first.id]).await, [second.clone(), first.clone()]);
    assert_eq!(get(&[first.id, second.id]).await, [first, second]);
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

/// A chunk is of a version of its own source.
pub async fn a_chunk_is_of_its_sources_version(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (_, _, version) = shelf(&world, &cast).await;
    let (_, other, _) = shelf(&world, &cast).await;
    let broken = Chunk { source_id: other.id, ..world.make.chunk(&version, 0, "text") };
    let outcome = world.attempt(&scope, async |tx| tx.chunks().insert(&[broken]).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
    // Nor is it another tenant's that names a version of this one.
    let foreign = Chunk { tenant_id: cast.eve.tenant_id.unwrap(), ..world.make.chunk(&version, 0, "text") };
    let outcome = world.attempt(&scopes::system(&cast.eve), async |tx| tx.chunks().insert(&[foreign]).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
}
