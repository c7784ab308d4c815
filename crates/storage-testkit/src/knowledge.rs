//! Collections, sources, chunks, the index, citations.

pub mod chunk_index;
pub mod chunk_words;
pub mod chunks;
pub mod citations;
pub mod collections;
pub mod index_reach;
pub mod runs;
pub mod sources;
pub mod versions;

use domain::{
    ids::ChunkId,
    knowledge::{Chunk, Collection, ProcessingStatus, Source, SourceVersion, VersionProgress},
    store::{StoreError, Tx},
};

use crate::{Cast, World, scopes};

/// The model of all vectors, unless a case says otherwise.
const MODEL: &str = "local/mini";

/// A private collection of Ada with one source and its first version, none of it processed.
async fn shelf(world: &World, cast: &Cast) -> (Collection, Source, SourceVersion) {
    let collection = world.make.collection(&cast.ada);
    let source = world.make.source(&collection);
    let version = world.make.version(&source, 1);
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.collections().insert(&collection).await?;
            tx.sources().insert(&source).await?;
            tx.sources().insert_version(&version).await
        })
        .await;
    (collection, source, version)
}

/// A step of processing.
fn progress(world: &World, status: ProcessingStatus) -> VersionProgress {
    VersionProgress { status: Some(status), error: None, at: world.make.now() }
}

/// Adds chunks with vectors.
async fn add_chunks(tx: &dyn Tx, world: &World, chunks: &[(Chunk, Vec<f32>)]) -> Result<(), StoreError> {
    let rows: Vec<Chunk> = chunks.iter().map(|(chunk, _)| chunk.clone()).collect();
    let entries: Vec<_> = chunks.iter().map(|(chunk, vector)| world.make.entry(chunk, MODEL, vector)).collect();
    tx.chunks().insert(&rows).await?;
    tx.chunk_index().insert(&entries).await
}

/// What a worker does at the end: flips the pointer, the index and the collection's counter.
async fn publish(tx: &dyn Tx, world: &World, version: &SourceVersion) -> Result<(), StoreError> {
    let at = world.make.now();
    let count = |chunks: u64| i64::try_from(chunks).unwrap();
    let added = count(tx.chunks().count(version.id).await?);
    let previous = tx.sources().publish(version.source_id, version.id, at).await?;
    let removed = match previous {
        Some(previous) => count(tx.chunks().count(previous).await?),
        None => 0,
    };
    tx.chunk_index().publish(version.source_id, version.id, previous).await?;
    tx.collections().record_change(version.collection_id, added - removed).await
}

/// A source of one chunk in a collection, published.
async fn published(world: &World, source: &Source, text: &str, vector: &[f32]) -> ChunkId {
    let version = world.make.version(source, 1);
    let chunk = world.make.chunk(&version, 0, text);
    let chunks = [(chunk.clone(), vector.to_vec())];
    world
        .write(&domain::access::Scope::system_in(source.tenant_id), async |tx| {
            tx.sources().insert(source).await?;
            tx.sources().insert_version(&version).await?;
            add_chunks(tx, world, &chunks).await?;
            publish(tx, world, &version).await
        })
        .await;
    chunk.id
}
