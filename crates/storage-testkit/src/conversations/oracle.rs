//! Random operations on a tree, held against a naive oracle.

use domain::{
    conversations::{Conversation, Message, MessageRole, Sibling, message::may_follow},
    ids::MessageId,
    store::Tx,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::talk;
use crate::{World, scopes};

/// Seeds that are tried, each in a conversation of its own.
const SEEDS: u64 = 6;
/// Operations of one seed.
const OPERATIONS: usize = 60;

/// The tree as a list: the obviously right form of every walk.
struct Oracle {
    messages: Vec<Message>,
}

impl Oracle {
    fn get(&self, id: MessageId) -> &Message {
        self.messages.iter().find(|message| message.id == id).unwrap()
    }

    fn children(&self, parent: Option<MessageId>) -> Vec<&Message> {
        self.messages.iter().filter(|message| message.parent_id == parent).collect()
    }

    fn path(&self, last: MessageId) -> Vec<MessageId> {
        let mut path = vec![last];
        while let Some(parent) = self.get(path[0]).parent_id {
            path.insert(0, parent);
        }
        path
    }

    fn activate(&mut self, id: MessageId) {
        for pair in self.path(id).windows(2) {
            let parent = self.messages.iter_mut().find(|message| message.id == pair[0]).unwrap();
            parent.active_child_id = Some(pair[1]);
        }
    }

    fn leaf(&self, id: MessageId) -> MessageId {
        let newest = || self.children(Some(id)).last().map(|child| child.id);
        self.get(id).active_child_id.or_else(newest).map_or(id, |child| self.leaf(child))
    }

    fn pick(&self, random: &mut StdRng) -> Option<&Message> {
        (!self.messages.is_empty()).then(|| &self.messages[random.random_range(0..self.messages.len())])
    }
}

/// After any sequence of additions and switches the backend returns every walk as the oracle does.
pub async fn random_trees_match_the_oracle(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    for seed in 0..SEEDS {
        let (conversation, _) = talk(&world, &cast, 0).await;
        let mut random = StdRng::seed_from_u64(seed);
        let mut oracle = Oracle { messages: Vec::new() };
        for _ in 0..OPERATIONS {
            world
                .write(&scope, async |tx| {
                    match random.random_range(0..4) {
                        0 | 1 => {
                            let added = addition(&world, &conversation, &oracle, &mut random);
                            tx.messages().insert(&added).await?;
                            oracle.messages.extend(added);
                        }
                        2 => {
                            if let Some(id) = oracle.pick(&mut random).map(|message| message.id) {
                                tx.messages().activate_path(id).await?;
                                oracle.activate(id);
                            }
                        }
                        _ => {
                            let pick = oracle.pick(&mut random).and_then(|child| Some((child.parent_id?, child.id)));
                            if let Some((parent, child)) = pick {
                                tx.messages().set_active_child(parent, child).await?;
                                let index = oracle.messages.iter().position(|message| message.id == parent).unwrap();
                                oracle.messages[index].active_child_id = Some(child);
                            }
                        }
                    }
                    Ok(())
                })
                .await;
            world
                .read(&scope, async |tx| {
                    compare(tx, &conversation, &oracle, &mut random, seed).await;
                    Ok(())
                })
                .await;
        }
    }
}

/// One to three messages in a row, under some message or as a root.
fn addition(world: &World, conversation: &Conversation, oracle: &Oracle, random: &mut StdRng) -> Vec<Message> {
    let mut parent = oracle.pick(random).filter(|_| random.random_bool(0.9)).cloned();
    let mut added = Vec::new();
    for _ in 0..random.random_range(1..=3) {
        let roles = [MessageRole::System, MessageRole::User, MessageRole::Assistant, MessageRole::Tool];
        let above = parent.as_ref().map(|parent| parent.role);
        let allowed: Vec<_> = roles.into_iter().filter(|role| may_follow(above, *role)).collect();
        let role = allowed[random.random_range(0..allowed.len())];
        let seq = (oracle.messages.len() + added.len()) as i64 + 1;
        let mut message = world.make.message(conversation, parent.as_ref(), seq, role);
        let siblings = oracle.messages.iter().filter(|other| other.parent_id == message.parent_id).count();
        message.version = i32::try_from(siblings + 1).unwrap();
        parent = Some(message.clone());
        added.push(message);
    }
    added
}

async fn compare(tx: &dyn Tx, conversation: &Conversation, oracle: &Oracle, random: &mut StdRng, seed: u64) {
    let messages = tx.messages();
    let tree = messages.tree(conversation.id, 0, 1_000).await.unwrap();
    let shape = |message: &Message| (message.id, message.parent_id, message.seq, message.active_child_id);
    let (found, expected): (Vec<_>, Vec<_>) =
        (tree.items.iter().map(shape).collect(), oracle.messages.iter().map(shape).collect());
    assert_eq!(found, expected, "the tree of seed {seed}");
    let Some(some) = oracle.pick(random) else { return };
    assert_eq!(messages.leaf(some.id).await.unwrap(), oracle.leaf(some.id), "a leaf of seed {seed}");
    let limit = random.random_range(1..8);
    let branch: Vec<_> = messages.branch(some.id, limit).await.unwrap().iter().map(|message| message.id).collect();
    let path = oracle.path(some.id);
    assert_eq!(branch, path[path.len().saturating_sub(limit as usize)..], "a branch of seed {seed}");
    for parent in [None, some.parent_id, Some(some.id)] {
        let mut expected: Vec<Sibling> =
            oracle.children(parent).iter().map(|child| Sibling { parent_id: parent, id: child.id }).collect();
        let next = i32::try_from(expected.len()).unwrap() + 1;
        // One that never had another has no siblings.
        expected.truncate(if expected.len() == 1 { 0 } else { expected.len() });
        assert_eq!(messages.siblings(conversation.id, &[parent]).await.unwrap(), expected, "siblings of seed {seed}");
        assert_eq!(messages.next_version(conversation.id, parent).await.unwrap(), next, "an ordinal of seed {seed}");
    }
}
