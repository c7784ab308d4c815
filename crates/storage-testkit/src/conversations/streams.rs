//! Streams and their events.

use async_trait::async_trait;
use domain::{
    access::{Permission, Purpose, Scope},
    conversations::{
        Conversation, Message, MostRunning, Stream, StreamEvent, StreamLease, StreamState, TurnEvent, TurnFailure,
        Visibility, event::RetrievedItem,
    },
    gateways::AnswerExtra,
    identity::{ApiKey, User},
    money::Money,
    store::{Mode, StoreError, Tx},
    usage::TokenUsage,
};

use serde_json::json;

use super::{messages::fields, talk};
use crate::{
    Fixtures, Key, Person, Reference, Subject, Unique, Verb, World, add_stream, assert_conflict, assert_refused,
    lease_of, may_add_part, open_stream, scopes,
};

/// Streams of an answer.
pub struct Streams {
    user: User,
    key: ApiKey,
    conversation: Conversation,
    chain: Vec<Message>,
}

#[async_trait]
impl Subject for Streams {
    type Row = Stream;
    type Whole = Conversation;

    const NAME: &'static str = "streams";
    const ACCESS: [Permission; 2] = [Permission::ConversationsRead, Permission::ConversationsWrite];
    const ALIKE: &'static [&'static str] = &["tenant_id", "conversation_id", "message_id", "user_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let conversation = make.conversation(&person.user);
        let chain = make.chain(&conversation, 2);
        Self { user: person.user.clone(), key: make.api_key(&person.user), conversation, chain }
    }

    fn shown(self) -> Option<Self> {
        let conversation = Conversation { visibility: Visibility::Public, ..self.conversation };
        Some(Self { conversation, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.api_keys().insert(&self.key).await?;
        tx.conversations().insert(&self.conversation).await?;
        tx.messages().insert(&self.chain).await
    }

    fn plain(&self, make: &Fixtures) -> Stream {
        make.stream(&self.chain[1], &self.user)
    }

    fn full(&self, make: &Fixtures) -> Stream {
        Stream {
            api_key_id: Some(self.key.id),
            estimated_input_tokens: Some(i64::MAX.unsigned_abs()),
            state: StreamState::Failed,
            epoch: 3,
            stop_requested_at: Some(make.in_seconds(1)),
            last_event: 9,
            ended_at: Some(make.in_seconds(2)),
            updated_at: make.in_seconds(2),
            ..self.plain(make)
        }
    }

    fn whole<'a>(&'a self, _: &'a Stream) -> &'a Conversation {
        &self.conversation
    }

    async fn insert(&self, tx: &dyn Tx, stream: &Stream) -> Result<(), StoreError> {
        open_stream(tx, stream).await
    }

    async fn find(&self, tx: &dyn Tx, stream: &Stream) -> Result<Option<Stream>, StoreError> {
        tx.streams().get(stream.id).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up("running", |_, tx, stream, _| {
                Box::pin(async move { Ok(tx.streams().running(stream.conversation_id).await?.contains(stream)) })
            }),
            Verb::<Self>::telling(
                "request_stop",
                |_, tx, stream, at| tx.streams().request_stop(stream.id, at.time),
                |stream, at| {
                    stream.stop_requested_at = Some(at.time);
                    stream.updated_at = at.time;
                },
            ),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["streams"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("message_id", |stream, other| Stream { message_id: other.chain[1].id, ..stream }),
            Reference::<Self>::new("user_id", |stream, other| Stream { user_id: other.user.id, ..stream }),
            Reference::<Self>::new("api_key_id", |stream, other| Stream { api_key_id: Some(other.key.id), ..stream }),
        ]
    }

    fn may_add(&self, scope: &Scope, stream: &Stream) -> Result<(), StoreError> {
        let is_reached = self.reaches("insert", scope, stream, Purpose::Change)?;
        may_add_part(scope, &self.conversation, is_reached)
    }
}

/// A stream ends with its last events, of every type.
pub async fn events_of_all_types_come_back(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let events = every_event(&world);
    let stream = world.make.stream(&chain[1], &cast.ada);
    let ended_at = world.make.in_seconds(2);
    let ended = Stream {
        state: StreamState::Failed,
        last_event: events.len() as i64,
        ended_at: Some(ended_at),
        updated_at: ended_at,
        ..stream.clone()
    };
    world
        .write(&scope, async |tx| {
            open_stream(tx, &stream).await?;
            tx.streams().finish(lease_of(&stream), StreamState::Failed, &events, ended_at).await
        })
        .await;
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.streams().get(stream.id).await?, Some(ended));
            assert_eq!(tx.streams().events(stream.id, 0, 100).await?, events);
            Ok(())
        })
        .await;
}

fn every_event(world: &World) -> Vec<StreamEvent> {
    let make = &world.make;
    let item = RetrievedItem {
        chunk_id: make.id(),
        source_id: make.id(),
        filename: "guide – ü.md".to_owned(),
        content: "A \"passage\"".to_owned(),
        score: 0.1 + 0.2,
        page: Some(3),
        heading: None,
        start: 0,
        end: 11,
    };
    let events = vec![
        TurnEvent::TurnStarted {
            user_message_id: make.id(),
            assistant_message_id: make.id(),
            stream_id: make.id(),
            conversation_id: make.id(),
            head_version: 2,
        },
        TurnEvent::RetrievalCompleted { items: vec![item] },
        TurnEvent::ReasoningDelta { text: "hm".to_owned() },
        TurnEvent::TextDelta { text: " 🦀\n".to_owned() },
        TurnEvent::ToolCall {
            id: "c".to_owned(),
            name: "n".to_owned(),
            arguments: "{}".to_owned(),
            extra: Default::default(),
        },
        TurnEvent::AnswerExtra {
            extra: AnswerExtra {
                message: fields(json!({ "reasoning_details": [{ "signature": "s" }] })),
                choice: Default::default(),
                answer: fields(json!({ "citations": ["u"] })),
            },
        },
        TurnEvent::CitationAdded {
            index: 1,
            chunk_id: make.id(),
            source_id: make.id(),
            filename: "guide.md".to_owned(),
            page: None,
            quote: "words".to_owned(),
        },
        TurnEvent::TurnStopped {},
        TurnEvent::TurnFailed {
            error: TurnFailure { retry_after: Some(3), ..TurnFailure::new("upstream", "it broke") },
        },
        TurnEvent::TurnCompleted {
            usage: TokenUsage { input_tokens: 1, output_tokens: 2, ..TokenUsage::default() },
            cost: Some(Money(3)),
            finish_reason: Some("stop".to_owned()),
        },
    ];
    (1..).zip(events).map(|(number, event)| StreamEvent { number, event }).collect()
}

/// A message has at most one running stream; once that has ended, another may run.
pub async fn one_stream_runs_per_message(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let [first, second] = [(); 2].map(|()| world.make.stream(&chain[1], &cast.ada));
    world.write(&scope, async |tx| open_stream(tx, &first).await).await;
    let outcome = world.attempt(&scope, async |tx| open_stream(tx, &second).await).await;
    assert_conflict(outcome, &["streams"]);
    let at = world.make.now();
    world
        .write(&scope, async |tx| {
            tx.streams().finish(lease_of(&first), StreamState::Completed, &[], at).await?;
            open_stream(tx, &second).await
        })
        .await;
}

/// Running streams are told by conversation, oldest first. More are not added where as many run in the
/// conversation, or of the user, as may; what has ended, or runs in another tenant, counts for nothing.
pub async fn running_streams_are_known(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 6).await;
    let (_, elsewhere) = talk(&world, &cast, 2).await;
    let mut streams = Vec::new();
    for answer in [&chain[3], &chain[1], &elsewhere[1]] {
        world.make.clock.advance(chrono::TimeDelta::seconds(1));
        let stream = world.make.stream(answer, &cast.ada);
        world.write(&scope, async |tx| open_stream(tx, &stream).await).await;
        streams.push(stream);
    }
    let running = async || world.read(&scope, async |tx| tx.streams().running(conversation.id).await).await;
    // Whether one more would be added; it is not kept.
    let fits = async |in_conversation, of_asker| {
        let tx = world.begin(&scope, Mode::Write).await;
        let more = world.make.stream(&chain[5], &cast.ada);
        let added = tx.streams().insert(&[more], MostRunning { in_conversation, of_asker }).await.unwrap();
        tx.rollback().await.unwrap();
        added
    };
    assert_eq!(running().await, streams[..2]);
    assert_eq!((fits(2, 4).await, fits(3, 3).await, fits(3, 4).await), (false, false, true));
    let (lease, at) = (lease_of(&streams[0]), world.make.now());
    world.write(&scope, async |tx| tx.streams().finish(lease, StreamState::Stopped, &[], at).await).await;
    assert_eq!(running().await, streams[1..2]);
    assert_eq!((fits(1, 3).await, fits(2, 2).await, fits(2, 3).await), (false, false, true));
    // Those of an API key of the user count apart.
    let key = world.make.api_key(&cast.ada);
    world.write(&scope, async |tx| tx.api_keys().insert(&key).await).await;
    for (of_asker, expected) in [(1, true), (1, false), (2, true)] {
        let (_, chain) = talk(&world, &cast, 2).await;
        let mut stream = world.make.stream(&chain[1], &cast.ada);
        stream.api_key_id = Some(key.id);
        let most = MostRunning { in_conversation: 1, of_asker };
        let added =
            world.write(&scope, async |tx| tx.streams().insert(std::slice::from_ref(&stream), most).await).await;
        assert_eq!(added, expected);
    }
    assert_eq!((fits(2, 2).await, fits(2, 3).await), (false, true), "what runs for a key is not the user's");
    // What is opened together is added together, though it is more than may run.
    let both = [&chain[3], &chain[5]].map(|answer| world.make.stream(answer, &cast.ada));
    let most = MostRunning { in_conversation: 2, of_asker: 3 };
    assert!(world.write(&scope, async |tx| tx.streams().insert(&both, most).await).await);
    assert_eq!(running().await.len(), 3);
    // Those of another tenant have room of their own.
    let theirs = world.make.conversation(&cast.eve);
    let talk = world.make.chain(&theirs, 2);
    let stream = [world.make.stream(&talk[1], &cast.eve)];
    let one = MostRunning { in_conversation: 1, of_asker: 1 };
    let added = world
        .write(&scopes::own(&cast.eve), async |tx| {
            tx.conversations().insert(&theirs).await?;
            tx.messages().insert(&talk).await?;
            tx.streams().insert(&stream, one).await
        })
        .await;
    assert!(added);
}

/// An append under the lease renews it; the events are read in pages after any number.
pub async fn events_are_appended_and_read(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    let all = world.make.events(1..=7);
    let (lease, later) = (lease_of(&stream), world.make.in_seconds(99));
    world.write(&scope, async |tx| open_stream(tx, &stream).await).await;
    for events in [&all[..4], &[], &all[4..]] {
        world.make.clock.advance(chrono::TimeDelta::seconds(1));
        let stop = world.write(&scope, async |tx| tx.streams().append(lease, events, later).await).await;
        assert!(!stop);
    }
    let found = async || world.read(&scope, async |tx| tx.streams().get(stream.id).await).await;
    let appended = Stream { last_event: 7, lease_expires_at: later, updated_at: world.make.now(), ..stream.clone() };
    assert_eq!(found().await.as_ref(), Some(&appended));
    let events =
        async |after, limit| world.read(&scope, async |tx| tx.streams().events(stream.id, after, limit).await).await;
    assert_eq!(events(0, 3).await, all[..3]);
    assert_eq!(events(3, 3).await, all[3..6]);
    assert_eq!(events(6, 3).await, all[6..]);
    assert_eq!(events(7, 3).await, []);
    // The call is put on record under the lease as well.
    let at = world.make.clock.advance(chrono::TimeDelta::seconds(1));
    world.write(&scope, async |tx| tx.streams().record_call(lease, 42).await).await;
    let called = Stream { estimated_input_tokens: Some(42), updated_at: at, ..appended };
    assert_eq!(found().await, Some(called));
    // A number is given once.
    let again = &all[6..];
    let outcome = world.attempt(&scope, async |tx| tx.streams().append(lease, again, later).await).await;
    assert_conflict(outcome, &["stream_events"]);
}

/// A stream ends once, with its last events; after that nothing is appended.
pub async fn a_stream_ends_once(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    let (lease, at) = (lease_of(&stream), world.make.in_seconds(3));
    let events = world.make.events([1, 2]);
    world
        .write(&scope, async |tx| {
            open_stream(tx, &stream).await?;
            tx.streams().finish(lease, StreamState::Interrupted, &events, at).await
        })
        .await;
    world
        .write(&scope, async |tx| {
            let ended = Stream {
                state: StreamState::Interrupted,
                ended_at: Some(at),
                last_event: 2,
                updated_at: at,
                ..stream.clone()
            };
            assert_eq!(tx.streams().get(stream.id).await?, Some(ended));
            assert_eq!(tx.streams().events(stream.id, 0, 10).await?, events);
            let more = world.make.events([3]);
            assert_refused!(tx.streams().append(lease, &more, at).await, StoreError::Stale);
            let outcome = tx.streams().finish(lease, StreamState::Completed, &more, at).await;
            assert_refused!(outcome, StoreError::Stale);
            assert!(!tx.streams().request_stop(stream.id, at).await?);
            assert_eq!(tx.streams().events(stream.id, 0, 10).await?, events);
            Ok(())
        })
        .await;
}

/// A reader's wish to stop is told with the next append.
pub async fn a_stop_is_told_to_the_pump(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    let (lease, at) = (lease_of(&stream), world.make.in_seconds(1));
    world
        .write(&scope, async |tx| {
            open_stream(tx, &stream).await?;
            assert!(tx.streams().request_stop(stream.id, at).await?);
            assert!(tx.streams().request_stop(stream.id, world.make.in_seconds(2)).await?);
            world.make.clock.advance(chrono::TimeDelta::seconds(3));
            let until = world.make.in_seconds(20);
            assert!(tx.streams().append(lease, &[], until).await?);
            let stopping = Stream {
                stop_requested_at: Some(at),
                lease_expires_at: until,
                updated_at: world.make.now(),
                ..stream.clone()
            };
            assert_eq!(tx.streams().get(stream.id).await?, Some(stopping));
            assert!(!tx.streams().request_stop(world.make.id(), at).await?);
            Ok(())
        })
        .await;
}

/// The events of a stream are read as it is; a lease is of no use in another tenant.
pub async fn events_are_out_of_reach_for_others(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    let events = world.make.events([1]);
    world.write(&scope, async |tx| add_stream(tx, &stream, &events).await).await;
    let now = world.make.now();
    for stranger in cast.strangers() {
        let found = world.read(&stranger, async |tx| tx.streams().events(stream.id, 0, 10).await).await;
        assert_eq!(found, []);
    }
    let theirs = scopes::system(&cast.eve);
    let (lease, more) = (lease_of(&stream), world.make.events([2]));
    let outcome = world.attempt(&theirs, async |tx| tx.streams().append(lease, &more, now).await).await;
    assert_refused!(outcome, StoreError::Stale);
    let outcome = world.attempt(&theirs, async |tx| tx.streams().record_call(lease, 7).await).await;
    assert_refused!(outcome, StoreError::Stale);
    let outcome =
        world.attempt(&theirs, async |tx| tx.streams().finish(lease, StreamState::Failed, &more, now).await).await;
    assert_refused!(outcome, StoreError::Stale);
    let found = world.read(&scope, async |tx| tx.streams().get(stream.id).await).await.unwrap();
    assert_eq!((found.state, found.last_event, found.estimated_input_tokens), (StreamState::Running, 1, None));
}

/// A stream is of a message of its conversation; a lease of what is not there is stale.
pub async fn a_stream_stays_in_its_conversation(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (_, chain) = talk(&world, &cast, 2).await;
    let (_, elsewhere) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    let broken = Stream { message_id: elsewhere[1].id, ..stream.clone() };
    let outcome = world.attempt(&scope, async |tx| open_stream(tx, &broken).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
    let lease = StreamLease { id: stream.id, epoch: 1 };
    let outcome = world.attempt(&scope, async |tx| tx.streams().append(lease, &[], world.make.now()).await).await;
    assert_refused!(outcome, StoreError::Stale);
}
