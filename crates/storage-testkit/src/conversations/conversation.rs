//! Conversations.

use domain::{
    conversations::{Conversation, ConversationFilter, HeadMove, Origin, RetrievalChoice, Visibility},
    money::Money,
    store::StoreError,
    usage::{TokenUsage, UsageTotals},
};

use super::talk;
use crate::{Cast, World, add_stream, assert_refused, page::walk, scopes};

/// Every field comes back, with all origins and choices of retrieval.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let collections = [world.make.collection(&cast.ada), world.make.collection(&cast.ada)];
    let source = world.make.conversation(&cast.ada);
    world
        .write(&scope, async |tx| {
            for collection in &collections {
                tx.collections().insert(collection).await?;
            }
            tx.conversations().insert(&source).await
        })
        .await;
    let mut ids: Vec<_> = collections.iter().map(|collection| collection.id).collect();
    ids.sort_unstable();
    let full = Conversation {
        title: Some("Über Bäume 🌳".to_owned()),
        visibility: Visibility::Public,
        model: Some("openai/gpt".to_owned()),
        system_prompt: Some("be brief".to_owned()),
        retrieval: RetrievalChoice::Collections(ids),
        head_version: 4,
        next_seq: 9,
        origin: Origin::Fork,
        forked_from_conversation_id: Some(source.id),
        archived_at: Some(world.make.in_seconds(5)),
        last_context: Some(TokenUsage {
            input_tokens: 1,
            cached_input_tokens: 2,
            output_tokens: 3,
            reasoning_tokens: 4,
        }),
        message_count: 7,
        totals: UsageTotals { requests: 1, input_tokens: 2, output_tokens: 3, cost: Money(4), unknown_costs: 5 },
        updated_at: world.make.in_seconds(6),
        ..world.make.conversation(&cast.ada)
    };
    let none_chosen = Conversation {
        retrieval: RetrievalChoice::Collections(Vec::new()),
        origin: Origin::Import,
        ..world.make.conversation(&cast.ada)
    };
    let openai = Conversation { origin: Origin::OpenAi, ..world.make.conversation(&cast.ada) };
    for conversation in [full, none_chosen, openai, world.make.conversation(&cast.ada)] {
        world.write(&scope, async |tx| tx.conversations().insert(&conversation).await).await;
        let mut found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
        if let Some(Conversation { retrieval: RetrievalChoice::Collections(ids), .. }) = &mut found {
            ids.sort_unstable();
        }
        assert_eq!(found, Some(conversation));
    }
}

/// An update writes what it names and nothing else.
pub async fn an_update_writes_its_fields(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (stored, _) = talk(&world, &cast, 1).await;
    let changed = Conversation {
        title: Some("new".to_owned()),
        visibility: Visibility::Public,
        model: Some("ollama/llama".to_owned()),
        system_prompt: Some("rhyme".to_owned()),
        archived_at: Some(world.make.in_seconds(1)),
        updated_at: world.make.in_seconds(2),
        ..stored.clone()
    };
    let ignored = Conversation {
        head_version: 99,
        next_seq: 99,
        message_count: 99,
        origin: Origin::Import,
        totals: UsageTotals { requests: 99, ..UsageTotals::default() },
        ..changed.clone()
    };
    world.write(&scope, async |tx| tx.conversations().update(&ignored).await).await;
    assert_eq!(world.read(&scope, async |tx| tx.conversations().get(stored.id).await).await, Some(changed));
}

/// A deleted conversation is as if it did not exist, with all below it.
pub async fn a_deleted_conversation_is_gone(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let stream = world.make.stream(&chain[1], &cast.ada);
    world.write(&scope, async |tx| add_stream(tx, &stream, &world.make.events([1])).await).await;
    let deleted = Conversation { deleted_at: Some(world.make.now()), ..conversation.clone() };
    world.write(&scope, async |tx| tx.conversations().update(&deleted).await).await;
    world
        .write(&scope, async |tx| {
            assert_eq!(tx.conversations().get(conversation.id).await?, None);
            assert_eq!(tx.conversations().lock(conversation.id).await?, None);
            assert_eq!(tx.conversations().list(&ConversationFilter::default(), Default::default()).await?.items, []);
            assert_eq!(tx.messages().get(chain[0].id).await?, None);
            assert_eq!(tx.messages().branch(chain[1].id, 10).await?, []);
            assert_eq!(tx.streams().get(stream.id).await?, None);
            assert_eq!(tx.streams().events(stream.id, 0, 10).await?, []);
            assert_refused!(tx.conversations().update(&conversation).await, StoreError::Stale);
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
    let head = HeadMove {
        current_message_id: Some(chain[1].id),
        head_version: 1,
        next_seq: 3,
        message_count: 2,
        at: world.make.in_seconds(1),
    };
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
    let context = TokenUsage { input_tokens: 8, output_tokens: 2, ..TokenUsage::default() };
    let add = UsageTotals { requests: 1, input_tokens: 10, output_tokens: 5, cost: Money(-3), unknown_costs: 1 };
    world
        .write(&scope, async |tx| {
            tx.conversations().add_usage(conversation.id, add, Some(context)).await?;
            tx.conversations().add_usage(conversation.id, add, None).await
        })
        .await;
    let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await.unwrap();
    assert_eq!(found.totals, add.checked_add(add).unwrap());
    assert_eq!(found.last_context, Some(context));
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

/// The list is complete and in order, page by page, also among conversations of the same microsecond.
pub async fn the_list_is_newest_first(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let mut stored = Vec::new();
    for number in 0..9 {
        if number == 4 {
            world.make.clock.advance(chrono::TimeDelta::microseconds(1));
        }
        stored.push(world.make.conversation(&cast.ada));
    }
    for conversation in &stored {
        world.write(&scope, async |tx| tx.conversations().insert(conversation).await).await;
    }
    stored.sort_by_key(|item| std::cmp::Reverse((item.created_at, item.id)));
    let filter = ConversationFilter::default();
    for limit in [1, 4, 9, 200] {
        let listed =
            walk(limit, async |page| world.read(&scope, async |tx| tx.conversations().list(&filter, page).await).await);
        assert_eq!(listed.await, stored);
    }
}

async fn public_and_private(world: &World, cast: &Cast) -> (Conversation, Conversation) {
    let public = Conversation { visibility: Visibility::Public, ..world.make.conversation(&cast.ada) };
    let private = world.make.conversation(&cast.ada);
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.conversations().insert(&public).await?;
            tx.conversations().insert(&private).await
        })
        .await;
    (public, private)
}

/// Own: the user's. Visible: also public ones of the tenant. Tenant: all of it. Nothing: none.
pub async fn reaches_are_predicates(world: World) {
    let cast = world.cast().await;
    let (public, private) = public_and_private(&world, &cast).await;
    let everything = ConversationFilter { include_others: true, ..ConversationFilter::default() };
    for (scope, sees_public, sees_private) in [
        (scopes::own(&cast.ada), true, true),
        (scopes::own(&cast.bob), false, false),
        (scopes::visible(&cast.bob), true, false),
        (scopes::whole(&cast.bob), true, true),
        (scopes::system(&cast.bob), true, true),
        (scopes::nothing(&cast.ada), false, false),
        (scopes::visible(&cast.eve), false, false),
        (scopes::whole(&cast.eve), false, false),
    ] {
        for (conversation, seen) in [(&public, sees_public), (&private, sees_private)] {
            let found = world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await;
            assert_eq!(found.is_some(), seen, "{scope:?}");
            let locked = world.write(&scope, async |tx| tx.conversations().lock(conversation.id).await).await;
            assert_eq!(locked.is_some(), seen, "{scope:?}");
            let list =
                world.read(&scope, async |tx| tx.conversations().list(&everything, Default::default()).await).await;
            assert_eq!(list.items.iter().any(|item| item.id == conversation.id), seen, "{scope:?}");
        }
    }
    // Without the wish for others, a list holds the user's own, however far the scope reaches.
    for scope in [scopes::visible(&cast.bob), scopes::whole(&cast.bob)] {
        let list = async |tx: &dyn domain::store::Tx| {
            tx.conversations().list(&ConversationFilter::default(), Default::default()).await
        };
        assert_eq!(world.read(&scope, list).await.items, []);
    }
}

/// Writes through a scope that does not reach the conversation change nothing.
pub async fn strangers_change_nothing(world: World) {
    let cast = world.cast().await;
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let renamed = Conversation { title: Some("changed".to_owned()), ..conversation.clone() };
    let head = HeadMove {
        current_message_id: Some(chain[1].id),
        head_version: 9,
        next_seq: 9,
        message_count: 9,
        at: world.make.now(),
    };
    let usage = UsageTotals { requests: 1, ..UsageTotals::default() };
    for scope in cast.strangers() {
        world
            .write(&scope, async |tx| {
                let conversations = tx.conversations();
                assert_refused!(conversations.update(&renamed).await, StoreError::Stale);
                let outcome = conversations.add_usage(conversation.id, usage, None).await;
                assert_refused!(outcome, StoreError::Stale);
                Ok(())
            })
            .await;
        let outcome =
            world.attempt(&scope, async |tx| tx.conversations().move_head(conversation.id, &head).await).await;
        assert_refused!(outcome, StoreError::Stale);
    }
    let scope = scopes::own(&cast.ada);
    assert_eq!(world.read(&scope, async |tx| tx.conversations().get(conversation.id).await).await, Some(conversation));
}

/// Owners and chosen collections must be of the tenant; a conversation is added in its tenant only.
pub async fn references_stay_in_the_tenant(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let foreign_collection = world.make.collection(&cast.eve);
    world.write(&scopes::own(&cast.eve), async |tx| tx.collections().insert(&foreign_collection).await).await;
    let ours = world.make.conversation(&cast.ada);
    for broken in [
        Conversation { user_id: cast.eve.id, ..ours.clone() },
        Conversation { user_id: world.make.id(), ..ours.clone() },
        Conversation { retrieval: RetrievalChoice::Collections(vec![foreign_collection.id]), ..ours.clone() },
        Conversation { retrieval: RetrievalChoice::Collections(vec![world.make.id()]), ..ours.clone() },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.conversations().insert(&broken).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let outcome = world.attempt(&scopes::system(&cast.eve), async |tx| tx.conversations().insert(&ours).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
    assert_eq!(world.read(&scope, async |tx| tx.conversations().get(ours.id).await).await, None);
}
