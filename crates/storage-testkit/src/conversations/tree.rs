//! Walks through the tree.

use domain::{
    conversations::{Message, Sibling},
    store::StoreError,
};

use super::talk;
use crate::{World, assert_refused, scopes};

/// A branch is returned from its end upwards, a page at a time, root first.
pub async fn a_branch_is_read_page_by_page(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 7).await;
    // A sibling that is not on the branch.
    let other = world.make.answer(&conversation, &chain[0], 8);
    world.write(&scope, async |tx| tx.messages().insert(&[other]).await).await;
    let mut read: Vec<Message> = Vec::new();
    let mut last = Some(chain[6].id);
    while let Some(id) = last {
        let mut page = world.read(&scope, async |tx| tx.messages().branch(id, 3).await).await;
        assert!(read.len() <= chain.len(), "the pages do not come to an end");
        assert!(page.len() == 3 || page[0].parent_id.is_none(), "only the page with the root is not full");
        last = page[0].parent_id;
        page.append(&mut read);
        read = page;
    }
    assert_eq!(read, chain);
    let missing = world.make.id();
    assert_eq!(world.read(&scope, async |tx| tx.messages().branch(missing, 3).await).await, []);
}

/// The whole tree by `seq`, with the `seq` after which the next page starts.
pub async fn the_tree_is_read_page_by_page(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 7).await;
    talk(&world, &cast, 3).await;
    for limit in [1, 3, 7, 100] {
        let (mut read, mut after) = (Vec::new(), Some(0));
        while let Some(seq) = after {
            let page = world.read(&scope, async |tx| tx.messages().tree(conversation.id, seq, limit).await).await;
            assert!(page.next.is_none() || page.items.len() == limit as usize);
            read.extend(page.items);
            after = page.next;
        }
        assert_eq!(read, chain);
    }
}

/// Siblings under several parents at once, roots too.
pub async fn siblings_stand_by_seq(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let root = Message { version: 2, ..world.make.question(&conversation, None, 3) };
    let second = Message { version: 2, ..world.make.answer(&conversation, &chain[0], 4) };
    let answers = [second, world.make.answer(&conversation, &root, 5)];
    world
        .write(&scope, async |tx| {
            tx.messages().insert(std::slice::from_ref(&root)).await?;
            tx.messages().insert(&answers).await
        })
        .await;
    let siblings = async |parents: &[Option<_>]| {
        world.read(&scope, async |tx| tx.messages().siblings(conversation.id, parents).await).await
    };
    let of = |message: &Message| Sibling { parent_id: message.parent_id, id: message.id };
    assert_eq!(siblings(&[None]).await, [of(&chain[0]), of(&root)]);
    assert_eq!(siblings(&[Some(chain[0].id)]).await, [of(&chain[1]), of(&answers[0])]);
    let all = siblings(&[Some(root.id), None, Some(chain[0].id), Some(chain[1].id)]).await;
    // The only answer to the second question has no siblings.
    assert_eq!(all, [of(&chain[0]), of(&chain[1]), of(&root), of(&answers[0])]);
    assert_eq!(siblings(&[]).await, []);
    // A parent of another conversation has no children in this one.
    let (_, elsewhere) = talk(&world, &cast, 2).await;
    assert_eq!(siblings(&[Some(elsewhere[0].id)]).await, []);
    assert_eq!(siblings(&[None, Some(elsewhere[0].id)]).await, [of(&chain[0]), of(&root)]);
}

/// A child's ordinal is one more than the greatest that was ever given.
pub async fn ordinals_are_given_once(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 1).await;
    let parent = Some(chain[0].id);
    let next = async || world.read(&scope, async |tx| tx.messages().next_version(conversation.id, parent).await).await;
    assert_eq!(next().await, 1);
    for version in 1..=3 {
        let answer = Message { version, ..world.make.answer(&conversation, &chain[0], 1 + i64::from(version)) };
        world.write(&scope, async |tx| tx.messages().insert(&[answer]).await).await;
        assert_eq!(next().await, version + 1);
    }
    let roots = world.read(&scope, async |tx| tx.messages().next_version(conversation.id, None).await).await;
    assert_eq!(roots, 2);
}

/// A path that is made active points down to its end; the leaf below any of it is that end's leaf.
pub async fn an_active_path_leads_to_its_leaf(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 4).await;
    let other = world.make.answer(&conversation, &chain[0], 5);
    let below = world.make.question(&conversation, Some(&other), 6);
    world.write(&scope, async |tx| tx.messages().insert(&[other.clone(), below.clone()]).await).await;
    let leaf = async |id| world.read(&scope, async |tx| tx.messages().leaf(id).await).await;
    // Nothing is active yet: the newest child each.
    assert_eq!(leaf(chain[0].id).await, below.id);
    let first = world.make.clock.advance(chrono::TimeDelta::seconds(1));
    world.write(&scope, async |tx| tx.messages().activate_path(chain[2].id).await).await;
    assert_eq!(leaf(chain[0].id).await, chain[3].id);
    assert_eq!(leaf(other.id).await, below.id);
    let second = world.make.clock.advance(chrono::TimeDelta::seconds(1));
    world.write(&scope, async |tx| tx.messages().activate_path(other.id).await).await;
    assert_eq!(leaf(chain[0].id).await, below.id);
    // The branch that is left keeps its own way.
    assert_eq!(leaf(chain[1].id).await, chain[3].id);
    // What points another way has changed, and nothing else.
    let stored = async |message: &Message| world.read(&scope, async |tx| tx.messages().get(message.id).await).await;
    let root = Message { active_child_id: Some(other.id), updated_at: second, ..chain[0].clone() };
    assert_eq!(stored(&chain[0]).await, Some(root));
    let left = Message { active_child_id: Some(chain[2].id), updated_at: first, ..chain[1].clone() };
    assert_eq!(stored(&chain[1]).await, Some(left));
    assert_eq!(stored(&other).await.as_ref(), Some(&other));
    let missing = world.make.id();
    assert_refused!(
        world.attempt(&scope, async |tx| tx.messages().activate_path(missing).await).await,
        StoreError::Stale
    );
}

/// One step of a path: only to a child of the message.
pub async fn only_a_child_becomes_active(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (_, chain) = talk(&world, &cast, 3).await;
    let (_, elsewhere) = talk(&world, &cast, 2).await;
    let at = world.make.clock.advance(chrono::TimeDelta::seconds(1));
    world.write(&scope, async |tx| tx.messages().set_active_child(chain[0].id, chain[1].id).await).await;
    let pointing = Message { active_child_id: Some(chain[1].id), updated_at: at, ..chain[0].clone() };
    let found = async || world.read(&scope, async |tx| tx.messages().get(chain[0].id).await).await;
    assert_eq!(found().await.as_ref(), Some(&pointing));
    for wrong in [elsewhere[1].id, world.make.id()] {
        let outcome = world.attempt(&scope, async |tx| tx.messages().set_active_child(chain[0].id, wrong).await).await;
        assert!(outcome.is_err(), "a message of another conversation became an active child");
    }
    assert_eq!(found().await, Some(pointing));
}

/// A chain of 2,000 messages is walked like any other.
pub async fn a_deep_tree_works(world: World) {
    const DEPTH: usize = 2_000;
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, DEPTH as i64).await;
    world
        .write(&scope, async |tx| {
            let messages = tx.messages();
            messages.activate_path(chain[DEPTH - 1].id).await?;
            assert_eq!(messages.leaf(chain[0].id).await?, chain[DEPTH - 1].id);
            let end = messages.branch(chain[DEPTH - 1].id, 50).await?;
            assert!(end.iter().map(|message| message.id).eq(chain[DEPTH - 50..].iter().map(|message| message.id)));
            let all = messages.branch(chain[DEPTH - 1].id, DEPTH as u32 + 1).await?;
            assert_eq!(all.len(), DEPTH);
            assert_eq!(messages.tree(conversation.id, 1_990, 100).await?.items.len(), 10);
            Ok(())
        })
        .await;
}
