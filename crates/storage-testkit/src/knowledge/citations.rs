//! Citations.

use async_trait::async_trait;
use domain::{
    access::{Permission, Purpose, Scope},
    conversations::{Conversation, Message, Visibility},
    ids::MessageId,
    knowledge::{
        Chunk, Citation, CitationStanding, CitedPassage, Collection, CollectionVisibility, Source, SourceVersion,
    },
    store::{StoreError, Tx},
};

use super::{add_chunks, publish};
use crate::{
    Cast, Fixtures, Key, Person, Reading, Reference, Subject, Unique, Verb, World, assert_conflict, may_add_part,
    scopes,
};

/// Citations of a chunk in an answer.
pub struct Citations {
    conversation: Conversation,
    chain: Vec<Message>,
    collection: Collection,
    source: Source,
    version: SourceVersion,
    chunk: Chunk,
}

#[async_trait]
impl Subject for Citations {
    type Row = Citation;
    type Whole = Conversation;

    const NAME: &'static str = "citations";
    const ACCESS: [Permission; 2] = [Permission::ConversationsRead, Permission::ConversationsWrite];
    const READING: Reading = Reading::Otherwise;
    const ALIKE: &'static [&'static str] = &["tenant_id", "conversation_id", "message_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let conversation = make.conversation(&person.user);
        let collection = make.collection(&person.user);
        let source = make.source(&collection);
        let version = make.version(&source, 1);
        Self {
            chain: make.chain(&conversation, 4),
            chunk: make.chunk(&version, 0, "Zebras have stripes."),
            conversation,
            collection,
            source,
            version,
        }
    }

    fn shown(self) -> Option<Self> {
        let conversation = Conversation { visibility: Visibility::Public, ..self.conversation };
        Some(Self { conversation, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.conversations().insert(&self.conversation).await?;
        tx.messages().insert(&self.chain).await?;
        tx.collections().insert(&self.collection).await?;
        tx.sources().insert(&self.source).await?;
        tx.sources().insert_version(&self.version).await?;
        tx.chunks().insert(std::slice::from_ref(&self.chunk)).await
    }

    fn plain(&self, make: &Fixtures) -> Citation {
        Citation {
            chunk_id: None,
            source_id: None,
            source_version_id: None,
            ..make.citation(&self.chain[1], &self.chunk, 1)
        }
    }

    fn full(&self, make: &Fixtures) -> Citation {
        Citation {
            filename: "laws – ü.pdf".to_owned(),
            page: Some(7),
            quote: "stripes – „ja“".to_owned(),
            quote_start: 7,
            quote_end: 19,
            ..make.citation(&self.chain[1], &self.chunk, 2)
        }
    }

    fn whole<'a>(&'a self, _: &'a Citation) -> &'a Conversation {
        &self.conversation
    }

    async fn insert(&self, tx: &dyn Tx, citation: &Citation) -> Result<(), StoreError> {
        tx.retrieval().insert_citations(std::slice::from_ref(citation)).await
    }

    async fn find(&self, tx: &dyn Tx, citation: &Citation) -> Result<Option<Citation>, StoreError> {
        let cited = tx.retrieval().citations_of(&[citation.message_id]).await?;
        Ok(cited.into_iter().map(|passage| passage.citation).find(|found| found.id == citation.id))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::look_up("citations_of", |subject, tx, citation, _| {
            Box::pin(async move { Ok(subject.find(tx, citation).await?.as_ref() == Some(citation)) })
        })]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["citations"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            // A number is given once in a message.
            Key::<Self>::new(&["citations"], Unique::Tenant, |stored, twin| twin.index = stored.index),
        ]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("conversation_id", |row, other| Citation {
                conversation_id: other.conversation.id,
                ..row
            }),
            Reference::<Self>::new("message_id", |row, other| Citation { message_id: other.chain[1].id, ..row }),
            Reference::<Self>::new("chunk_id", |row, other| Citation { chunk_id: Some(other.chunk.id), ..row }),
            Reference::<Self>::new("source_id", |row, other| Citation { source_id: Some(other.source.id), ..row }),
            Reference::<Self>::new("source_version_id", |row, other| Citation {
                source_version_id: Some(other.version.id),
                ..row
            }),
        ]
    }

    fn may_add(&self, scope: &Scope, citation: &Citation) -> Result<(), StoreError> {
        let is_reached = self.reaches("insert", scope, citation, Purpose::Change)?;
        may_add_part(scope, &self.conversation, is_reached)
    }
}

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

/// Citations come by message and number.
pub async fn citations_stand_by_number(world: World) {
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
