//! Conversations.

use async_trait::async_trait;
use domain::{
    access::{Permission, Scope},
    conversations::{Conversation, ConversationFilter, HeadMove, Origin, RetrievalChoice, Visibility},
    identity::User,
    knowledge::Collection,
    money::Money,
    store::{StoreError, Tx},
    usage::{TokenUsage, UsageTotals},
};

use super::{head_at, talk};
use crate::{
    Fixtures, Key, Listing, Person, Reference, Subject, Unique, Verb, World, add_stream, assert_refused, scopes,
    whole_row,
};

/// The conversations of a user.
pub struct Conversations {
    user: User,
    visibility: Visibility,
    collection: Collection,
    /// What others are forks of.
    origin: Conversation,
}

const ONE_CALL: UsageTotals =
    UsageTotals { requests: 1, input_tokens: 10, output_tokens: 5, cost: Money(-3), unknown_costs: 1 };
const CONTEXT: TokenUsage =
    TokenUsage { input_tokens: 8, cached_input_tokens: 1, output_tokens: 2, reasoning_tokens: 1 };

fn renamed(conversation: &Conversation, at: crate::At<'_>) -> Conversation {
    Conversation {
        title: Some("new".to_owned()),
        visibility: Visibility::Public,
        model: Some("ollama/llama".to_owned()),
        system_prompt: Some("rhyme".to_owned()),
        archived_at: Some(at.time),
        updated_at: at.time,
        ..conversation.clone()
    }
}

#[async_trait]
impl Subject for Conversations {
    whole_row!(Conversation);

    const NAME: &'static str = "conversations";
    const ACCESS: [Permission; 2] = [Permission::ConversationsRead, Permission::ConversationsWrite];
    const NEVER_SET: &'static [&'static str] = &["current_message_id", "deleted_at"];
    const ALIKE: &'static [&'static str] = &["tenant_id", "user_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        Self {
            user: person.user.clone(),
            visibility: Visibility::Private,
            collection: make.collection(&person.user),
            origin: make.conversation(&person.user),
        }
    }

    fn shown(self) -> Option<Self> {
        Some(Self { visibility: Visibility::Public, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.collections().insert(&self.collection).await?;
        tx.conversations().insert(&self.origin).await
    }

    fn plain(&self, make: &Fixtures) -> Conversation {
        Conversation { visibility: self.visibility, ..make.conversation(&self.user) }
    }

    fn full(&self, make: &Fixtures) -> Conversation {
        Conversation {
            title: Some("Über Bäume 🌳".to_owned()),
            visibility: Visibility::Public,
            model: Some("openai/gpt".to_owned()),
            system_prompt: Some("be brief".to_owned()),
            retrieval: RetrievalChoice::Collections(vec![self.collection.id]),
            head_version: 4,
            next_seq: 9,
            origin: Origin::Fork,
            forked_from_conversation_id: Some(self.origin.id),
            archived_at: Some(make.in_seconds(5)),
            last_context: Some(CONTEXT),
            message_count: 7,
            totals: UsageTotals { requests: 1, input_tokens: 2, output_tokens: 3, cost: Money(4), unknown_costs: 5 },
            updated_at: make.in_seconds(6),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, conversation: &Conversation) -> Result<(), StoreError> {
        tx.conversations().insert(conversation).await
    }

    async fn find(&self, tx: &dyn Tx, conversation: &Conversation) -> Result<Option<Conversation>, StoreError> {
        tx.conversations().get(conversation.id).await
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(
            |_, tx, page| {
                Box::pin(async move {
                    let everything = ConversationFilter { include_others: true, ..ConversationFilter::default() };
                    tx.conversations().list(&everything, page).await
                })
            },
            |conversation| (conversation.created_at, conversation.id.0),
        ))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up_to_change("lock", |_, tx, conversation, _| {
                Box::pin(
                    async move { Ok(tx.conversations().lock(conversation.id).await?.as_ref() == Some(conversation)) },
                )
            }),
            // An update writes what it names and nothing else.
            Verb::<Self>::command(
                "update",
                |_, tx, conversation, at| {
                    Box::pin(async move {
                        let asked = Conversation {
                            head_version: 99,
                            next_seq: 99,
                            message_count: 99,
                            origin: Origin::Import,
                            totals: UsageTotals { requests: 99, ..UsageTotals::default() },
                            ..renamed(conversation, at)
                        };
                        tx.conversations().update(&asked).await
                    })
                },
                |conversation, at| *conversation = renamed(conversation, at),
            ),
            Verb::<Self>::command(
                "move_head",
                |_, tx, conversation, at| {
                    Box::pin(async move {
                        let head = HeadMove {
                            current_message_id: None,
                            head_version: 5,
                            next_seq: 8,
                            message_count: 7,
                            at: at.time,
                        };
                        tx.conversations().move_head(conversation.id, &head).await
                    })
                },
                |conversation, at| {
                    conversation.head_version = 5;
                    conversation.next_seq = 8;
                    conversation.message_count = 7;
                    conversation.updated_at = at.time;
                },
            ),
            Verb::<Self>::command(
                "add_usage",
                |_, tx, conversation, _| tx.conversations().add_usage(conversation.id, ONE_CALL, Some(CONTEXT)),
                |conversation, at| {
                    conversation.totals = ONE_CALL;
                    conversation.last_context = Some(CONTEXT);
                    conversation.updated_at = at.now();
                },
            ),
            Verb::<Self>::removal("update(deleted)", |_, tx, conversation, at| {
                Box::pin(async move {
                    let deleted = Conversation { deleted_at: Some(at.time), ..conversation.clone() };
                    tx.conversations().update(&deleted).await
                })
            }),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["conversations"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |row, other| Conversation { user_id: other.user.id, ..row }),
            Reference::<Self>::new("retrieval", |row, other| Conversation {
                retrieval: RetrievalChoice::Collections(vec![other.collection.id]),
                ..row
            }),
            Reference::<Self>::new("forked_from_conversation_id", |row, other| Conversation {
                forked_from_conversation_id: Some(other.origin.id),
                ..row
            }),
        ]
    }

    async fn add_parts(&self, tx: &dyn Tx, conversation: &Conversation, make: &Fixtures) -> Result<(), StoreError> {
        let chain = make.chain(conversation, 2);
        tx.messages().insert(&chain).await?;
        add_stream(tx, &make.stream(&chain[1], &self.user), &make.events([1])).await
    }

    async fn parts_left(&self, tx: &dyn Tx, conversation: &Conversation) -> Result<usize, StoreError> {
        let messages = tx.messages().tree(conversation.id, 0, 10).await?.items;
        Ok(messages.len() + tx.streams().running(conversation.id).await?.len())
    }
}

/// Every choice of retrieval comes back, and every origin.
pub async fn choices_and_origins_come_back(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let collections = [world.make.collection(&cast.ada), world.make.collection(&cast.ada)];
    world
        .write(&scope, async |tx| {
            for collection in &collections {
                tx.collections().insert(collection).await?;
            }
            Ok(())
        })
        .await;
    let mut ids: Vec<_> = collections.iter().map(|collection| collection.id).collect();
    ids.sort_unstable();
    for (retrieval, origin) in [
        (RetrievalChoice::Collections(ids), Origin::Fork),
        (RetrievalChoice::Collections(Vec::new()), Origin::Import),
        (RetrievalChoice::All, Origin::OpenAi),
        (RetrievalChoice::All, Origin::App),
    ] {
        let conversation = Conversation { retrieval, origin, ..world.make.conversation(&cast.ada) };
        world.write(&scope, async |tx| tx.conversations().insert(&conversation).await).await;
        let mut found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
        if let Some(Conversation { retrieval: RetrievalChoice::Collections(ids), .. }) = &mut found {
            ids.sort_unstable();
        }
        assert_eq!(found, Some(conversation));
    }
}

/// What is below a deleted conversation is found by no way.
pub async fn a_deleted_conversation_takes_all_along(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    world.write(&scope, async |tx| add_stream(tx, &stream, &world.make.events([1])).await).await;
    let deleted = Conversation { deleted_at: Some(world.make.now()), ..conversation.clone() };
    world.write(&scope, async |tx| tx.conversations().update(&deleted).await).await;
    world
        .write(&scope, async |tx| {
            assert_eq!(tx.messages().get(chain[0].id).await?, None);
            assert_eq!(tx.messages().branch(chain[1].id, 10).await?, []);
            assert_eq!(tx.streams().get(stream.id).await?, None);
            assert_eq!(tx.streams().events(stream.id, 0, 10).await?, []);
            Ok(())
        })
        .await;
}

/// The head moves, with what goes with it, and only to a message of the conversation.
pub async fn the_head_moves_within_the_conversation(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let (_, elsewhere) = talk(&world, &cast, 1).await;
    let head = head_at(&world, &chain[1]);
    world.write(&scope, async |tx| tx.conversations().move_head(conversation.id, &head).await).await;
    let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
    let moved = Conversation {
        current_message_id: Some(chain[1].id),
        head_version: 1,
        next_seq: 3,
        message_count: 2,
        updated_at: head.at,
        ..conversation.clone()
    };
    assert_eq!(found, Some(moved));
    for wrong in [elsewhere[0].id, world.make.id()] {
        let head = HeadMove { current_message_id: Some(wrong), ..head };
        let outcome =
            world.attempt(&scope, async |tx| tx.conversations().move_head(conversation.id, &head).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
}

/// Usage adds up; the latest context stays where none is given.
pub async fn usage_adds_up(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, _) = talk(&world, &cast, 1).await;
    let second = chrono::TimeDelta::seconds(1);
    world
        .write(&scope, async |tx| {
            world.make.clock.advance(second);
            tx.conversations().add_usage(conversation.id, ONE_CALL, Some(CONTEXT)).await?;
            world.make.clock.advance(second);
            tx.conversations().add_usage(conversation.id, ONE_CALL, None).await
        })
        .await;
    let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
    let expected = Conversation {
        totals: ONE_CALL.checked_add(ONE_CALL).unwrap(),
        last_context: Some(CONTEXT),
        updated_at: world.make.now(),
        ..conversation
    };
    assert_eq!(found, Some(expected));
}

/// What the list leaves out, and what each wish brings in.
pub async fn the_list_is_filtered(world: World) {
    let cast = world.cast().await;
    let make = |title: &str| Conversation { title: Some(title.to_owned()), ..world.make.conversation(&cast.ada) };
    let plain = make("Plain 100% title_1");
    let archived = Conversation { archived_at: Some(world.make.now()), ..make("archived") };
    let openai = Conversation { origin: Origin::OpenAi, ..make("openai") };
    let import = Conversation { origin: Origin::Import, ..make("import") };
    let untitled = world.make.conversation(&cast.ada);
    let all = [&plain, &archived, &openai, &import, &untitled];
    let scope = scopes::own(&cast.ada);
    for conversation in all {
        world.write(&scope, async |tx| tx.conversations().insert(conversation).await).await;
    }
    let listed = async |filter: ConversationFilter| {
        let page = world.read(&scope, async |tx| tx.conversations().list(&filter, Default::default()).await).await;
        let mut ids: Vec<_> = page.items.into_iter().map(|item| item.id).collect();
        ids.sort_unstable();
        ids
    };
    let ids = |wanted: &[&Conversation]| {
        let mut ids: Vec<_> = wanted.iter().map(|item| item.id).collect();
        ids.sort_unstable();
        ids
    };
    let filter = ConversationFilter::default;
    assert_eq!(listed(filter()).await, ids(&[&plain, &import, &untitled]));
    let wish = ConversationFilter { include_archived: true, ..filter() };
    assert_eq!(listed(wish).await, ids(&[&plain, &import, &untitled, &archived]));
    let wish = ConversationFilter { origin: Some(Origin::OpenAi), ..filter() };
    assert_eq!(listed(wish).await, ids(&[&openai]));
    for (text, found) in [("PLAIN", true), ("100%", true), ("e_1", true), ("0_t", false), ("P%1", false), ("", true)] {
        let wish = ConversationFilter { title_contains: Some(text.to_owned()), ..filter() };
        assert_eq!(listed(wish).await.contains(&plain.id), found, "title contains {text:?}");
    }
}

/// Without the wish for others, a list holds the user's own, however far the scope reaches.
pub async fn a_list_holds_ones_own_unless_others_are_asked_for(world: World) {
    let cast = world.cast().await;
    let public = Conversation { visibility: Visibility::Public, ..world.make.conversation(&cast.ada) };
    world.write(&scopes::own(&cast.ada), async |tx| tx.conversations().insert(&public).await).await;
    let list = async |scope: Scope| {
        let page =
            async |tx: &dyn Tx| tx.conversations().list(&ConversationFilter::default(), Default::default()).await;
        world.read(&scope, page).await.items
    };
    assert_eq!(list(scopes::visible(&cast.bob)).await, []);
    assert_eq!(list(scopes::whole(&cast.bob)).await, []);
    assert_eq!(list(scopes::whole(&cast.ada)).await, [public]);
}
