//! Searches that are kept.

use async_trait::async_trait;
use domain::{
    access::Permission,
    conversations::{Conversation, Message},
    identity::User,
    knowledge::{Chunk, RetrievalHit, RetrievalMode, RetrievalRun},
    store::{StoreError, Tx},
};
use serde_json::json;

use super::{add_chunks, shelf};
use crate::{
    Cast, Fixtures, Key, Person, Reading, Reference, Subject, Unique, World, assert_conflict, scopes, whole_row,
};

/// Searches of a user for an answer.
pub struct RetrievalRuns {
    user: User,
    conversation: Conversation,
    chain: Vec<Message>,
}

#[async_trait]
impl Subject for RetrievalRuns {
    whole_row!(RetrievalRun);

    const NAME: &'static str = "retrieval_runs";
    const ACCESS: [Permission; 2] = [Permission::KnowledgeRead, Permission::KnowledgeRead];
    const READING: Reading = Reading::Never;

    fn new(make: &Fixtures, person: &Person) -> Self {
        let conversation = make.conversation(&person.user);
        Self { user: person.user.clone(), chain: make.chain(&conversation, 2), conversation }
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.conversations().insert(&self.conversation).await?;
        tx.messages().insert(&self.chain).await
    }

    fn plain(&self, make: &Fixtures) -> RetrievalRun {
        make.run(&self.user)
    }

    fn full(&self, make: &Fixtures) -> RetrievalRun {
        RetrievalRun {
            conversation_id: Some(self.conversation.id),
            message_id: Some(self.chain[1].id),
            embedding_model: Some("local/mini".to_owned()),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, run: &RetrievalRun) -> Result<(), StoreError> {
        tx.retrieval().insert_run(run, &[]).await
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["retrieval_runs"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |run, other| RetrievalRun { user_id: Some(other.user.id), ..run }),
            Reference::<Self>::new("conversation_id", |run, other| RetrievalRun {
                conversation_id: Some(other.conversation.id),
                ..run
            }),
            Reference::<Self>::new("message_id", |run, other| RetrievalRun {
                message_id: Some(other.chain[1].id),
                ..run
            }),
        ]
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

async fn chunk(world: &World, cast: &Cast) -> Chunk {
    let (_, _, version) = shelf(world, cast).await;
    let chunk = world.make.chunk(&version, 0, "Zebras have stripes.");
    let chunks = [(chunk.clone(), vec![1.0, 0.0])];
    world.write(&scopes::own(&cast.ada), async |tx| add_chunks(tx, world, &chunks).await).await;
    chunk
}

/// A search is kept with its hits, once, by whatever means it was done; it may be nobody's.
pub async fn a_search_is_kept(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let chunk = chunk(&world, &cast).await;
    for mode in [RetrievalMode::Hybrid, RetrievalMode::Vector, RetrievalMode::Lexical] {
        let run = RetrievalRun { mode, parameters: json!({ "k": 10 }), ..world.make.run(&cast.ada) };
        world.write(&scope, async |tx| tx.retrieval().insert_run(&run, &[hit(&chunk, 1)]).await).await;
        let outcome = world.attempt(&scope, async |tx| tx.retrieval().insert_run(&run, &[]).await).await;
        assert_conflict(outcome, &["retrieval_runs"]);
    }
    let nobody = RetrievalRun { user_id: None, ..world.make.run(&cast.ada) };
    world.write(&scope, async |tx| tx.retrieval().insert_run(&nobody, &[]).await).await;
    // A chunk may go between the search and the record of it.
    let late = world.make.run(&cast.ada);
    let gone = RetrievalHit { chunk_id: world.make.id(), ..hit(&chunk, 1) };
    world.write(&scope, async |tx| tx.retrieval().insert_run(&late, &[hit(&chunk, 1), gone]).await).await;
}
