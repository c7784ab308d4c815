//! Searches that are kept, and citations.

use domain::{
    conversations::{Conversation, Visibility},
    ids::MessageId,
    knowledge::{
        Chunk, Citation, CitationStanding, CitedPassage, Collection, CollectionVisibility, RetrievalHit, RetrievalMode,
        RetrievalRun,
    },
    store::StoreError,
};
use serde_json::json;

use super::{add_chunks, publish};
use crate::{Cast, World, assert_conflict, assert_refused, scopes};

/// An answer of Ada in a public conversation, and a published chunk in a collection.
async fn answer_and_chunk(
    world: &World,
    cast: &Cast,
    visibility: CollectionVisibility,
) -> (domain::conversations::Message, Chunk) {
    let conversation = Conversation { visibility: Visibility::Public, ..world.make.conversation(&cast.ada) };
    let chain = world.make.chain(&conversation, 2);
    let collection = Collection { visibility, ..world.make.collection(&cast.ada) };
    let source = world.make.source(&collection);
    let version = world.make.version(&source, 1);
    let chunk = world.make.chunk(&version, 0, "Zebras have stripes.");
    let chunks = [(chunk.clone(), vec![1.0, 0.0])];
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.messages().insert(&chain).await?;
            tx.collections().insert(&collection).await?;
            tx.sources().insert(&source).await?;
            tx.sources().insert_version(&version).await?;
            add_chunks(tx, world, &chunks).await?;
            publish(tx, world, &version).await
        })
        .await;
    (chain[1].clone(), chunk)
}

fn run(world: &World, cast: &Cast) -> RetrievalRun {
    RetrievalRun {
        id: world.make.id(),
        tenant_id: cast.ada.tenant_id.unwrap(),
        user_id: Some(cast.ada.id),
        conversation_id: None,
        message_id: None,
        query: "stripes?".to_owned(),
        mode: RetrievalMode::Hybrid,
        parameters: json!({ "k": 10 }),
        embedding_model: Some("local/mini".to_owned()),
        duration_ms: 3,
        created_at: world.make.now(),
    }
}

fn hit(chunk: &Chunk, rank: u32) -> RetrievalHit {
    RetrievalHit {
        chunk_id: chunk.id,
        rank,
        score: 0.5,
        vector_rank: Some(1),
        vector_score: Some(0.9),
        lexical_rank: None,
        lexical_score: None,
        is_used: true,
    }
}

/// A search is kept with its hits, once.
pub async fn a_search_is_kept(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (answer, chunk) = answer_and_chunk(&world, &cast, CollectionVisibility::Private).await;
    let kept = RetrievalRun {
        conversation_id: Some(answer.conversation_id),
        message_id: Some(answer.id),
        ..run(&world, &cast)
    };
    world.write(&scope, async |tx| tx.retrieval().insert_run(&kept, &[hit(&chunk, 1)]).await).await;
    let outcome = world.attempt(&scope, async |tx| tx.retrieval().insert_run(&kept, &[]).await).await;
    assert_conflict(outcome, &["retrieval_runs"]);
    world.write(&scope, async |tx| tx.retrieval().insert_run(&run(&world, &cast), &[]).await).await;
}

/// What a search or citation names is of its tenant.
pub async fn references_stay_in_the_tenant(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (answer, chunk) = answer_and_chunk(&world, &cast, CollectionVisibility::Private).await;
    for broken in [
        RetrievalRun { user_id: Some(world.make.id()), ..run(&world, &cast) },
        RetrievalRun { message_id: Some(world.make.id()), ..run(&world, &cast) },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.retrieval().insert_run(&broken, &[]).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let foreign = RetrievalRun { tenant_id: cast.eve.tenant_id.unwrap(), user_id: None, ..run(&world, &cast) };
    let outcome = world
        .attempt(&scopes::system(&cast.eve), async |tx| tx.retrieval().insert_run(&foreign, &[hit(&chunk, 1)]).await)
        .await;
    assert_refused!(outcome, StoreError::ForeignKey);
    let citation = world.make.citation(&answer, &chunk, 1);
    for broken in [
        Citation { message_id: world.make.id(), ..citation.clone() },
        Citation { chunk_id: Some(world.make.id()), ..citation.clone() },
        Citation { source_id: Some(world.make.id()), ..citation.clone() },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.retrieval().insert_citations(&[broken]).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let outcome =
        world.attempt(&scopes::system(&cast.eve), async |tx| tx.retrieval().insert_citations(&[citation]).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}

/// Citations come back with every field, by message and number.
pub async fn citations_round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (answer, chunk) = answer_and_chunk(&world, &cast, CollectionVisibility::Private).await;
    let second =
        Citation { page: Some(7), quote: "stripes – „ja“".to_owned(), ..world.make.citation(&answer, &chunk, 2) };
    let first = Citation { quote_start: 7, quote_end: 19, ..world.make.citation(&answer, &chunk, 1) };
    world.write(&scope, async |tx| tx.retrieval().insert_citations(&[second.clone(), first.clone()]).await).await;
    let cited =
        async |messages: &[MessageId]| world.read(&scope, async |tx| tx.retrieval().citations_of(messages).await).await;
    let current =
        |citation: &Citation| CitedPassage { citation: citation.clone(), standing: CitationStanding::Current };
    assert_eq!(cited(&[answer.id, world.make.id()]).await, [current(&first), current(&second)]);
    assert_eq!(cited(&[world.make.id()]).await, []);
    assert_eq!(cited(&[]).await, []);
    let twin = world.make.citation(&answer, &chunk, 2);
    let outcome = world.attempt(&scope, async |tx| tx.retrieval().insert_citations(&[twin]).await).await;
    assert_conflict(outcome, &["citations"]);
}

/// A newer version supersedes what was cited; what is gone is told as deleted.
pub async fn citations_grow_old(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (answer, chunk) = answer_and_chunk(&world, &cast, CollectionVisibility::Private).await;
    let kept = world.make.citation(&answer, &chunk, 1);
    let gone = Citation {
        chunk_id: None,
        source_id: None,
        source_version_id: None,
        ..world.make.citation(&answer, &chunk, 2)
    };
    world
        .write(&scope, async |tx| {
            tx.retrieval().insert_citations(&[kept.clone(), gone.clone()]).await?;
            let source = tx.sources().get(chunk.source_id).await?.unwrap();
            let next = world.make.version(&source, 2);
            tx.sources().insert_version(&next).await?;
            publish(tx, &world, &next).await
        })
        .await;
    let found = world.read(&scope, async |tx| tx.retrieval().citations_of(&[answer.id]).await).await;
    let expected = [
        CitedPassage { citation: kept, standing: CitationStanding::Superseded },
        CitedPassage { citation: gone, standing: CitationStanding::Deleted },
    ];
    assert_eq!(found, expected);
}

/// Who reads the answer but not the source learns that there is a citation, not what it says.
pub async fn words_out_of_reach_are_not_told(world: World) {
    let cast = world.cast().await;
    let (answer, chunk) = answer_and_chunk(&world, &cast, CollectionVisibility::Private).await;
    let citation = world.make.citation(&answer, &chunk, 1);
    let citations = std::slice::from_ref(&citation);
    world.write(&scopes::own(&cast.ada), async |tx| tx.retrieval().insert_citations(citations).await).await;
    let cited = async |scope| {
        let cited = world.read(&scope, async |tx| tx.retrieval().citations_of(&[answer.id]).await).await;
        cited.into_iter().next()
    };
    let blank = Citation { quote: String::new(), filename: String::new(), ..citation.clone() };
    let revoked = CitedPassage { citation: blank, standing: CitationStanding::AccessRevoked };
    assert_eq!(cited(scopes::visible(&cast.bob)).await, Some(revoked));
    let current = CitedPassage { citation, standing: CitationStanding::Current };
    assert_eq!(cited(scopes::whole(&cast.bob)).await, Some(current));
    assert_eq!(cited(scopes::own(&cast.bob)).await, None);
    assert_eq!(cited(scopes::whole(&cast.eve)).await, None);
    // A conversation that is shown, over a collection that is shared.
    let (answer, chunk) = answer_and_chunk(&world, &cast, CollectionVisibility::Shared).await;
    let shared = world.make.citation(&answer, &chunk, 1);
    world
        .write(&scopes::own(&cast.ada), async |tx| tx.retrieval().insert_citations(std::slice::from_ref(&shared)).await)
        .await;
    let found =
        world.read(&scopes::visible(&cast.bob), async |tx| tx.retrieval().citations_of(&[answer.id]).await).await;
    assert_eq!(found, [CitedPassage { citation: shared, standing: CitationStanding::Current }]);
}
