//! Messages: what may be added, and what comes back.

use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use domain::{
    access::{Permission, Purpose, Scope},
    conversations::{AnswerUpdate, Conversation, Message, MessageRole, MessageStatus, Part, Parts, Visibility},
    gateways::AnswerExtra,
    money::Money,
    store::{StoreError, Tx},
    usage::TokenUsage,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::talk;
use crate::{At, Fixtures, Key, Person, Reference, Subject, Unique, Verb, World, assert_refused, may_add_part, scopes};

/// Messages of a conversation.
pub struct Messages {
    conversation: Conversation,
    /// A question and its answer.
    begun: Vec<Message>,
    /// A message of another conversation.
    elsewhere: (Conversation, Vec<Message>),
    seq: AtomicI64,
}

pub(super) fn fields(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn settled(at: At<'_>) -> AnswerUpdate {
    AnswerUpdate {
        status: MessageStatus::Complete,
        parts: Parts(vec![Part::Text { text: "done [1]".to_owned() }, Part::Source { citation_index: 1 }]),
        tokens: Some(TokenUsage { input_tokens: 7, output_tokens: 3, ..TokenUsage::default() }),
        cost: Some(Money(12)),
        finish_reason: Some("stop".to_owned()),
        error: Some(json!({ "code": "late" })),
        at: at.time,
    }
}

#[async_trait]
impl Subject for Messages {
    type Row = Message;
    type Whole = Conversation;

    const NAME: &'static str = "messages";
    const ACCESS: [Permission; 2] = [Permission::ConversationsRead, Permission::ConversationsWrite];
    const NEVER_SET: &'static [&'static str] = &["active_child_id", "deleted_at", "deletion_id"];
    const ALWAYS_SET: &'static [&'static str] = &["user_id"];
    const ALIKE: &'static [&'static str] = &["tenant_id", "conversation_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let conversation = make.conversation(&person.user);
        let other = make.conversation(&person.user);
        let chain = make.chain(&other, 1);
        Self { begun: make.chain(&conversation, 2), conversation, elsewhere: (other, chain), seq: AtomicI64::new(100) }
    }

    fn shown(self) -> Option<Self> {
        let conversation = Conversation { visibility: Visibility::Public, ..self.conversation };
        Some(Self { conversation, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.conversations().insert(&self.conversation).await?;
        tx.conversations().insert(&self.elsewhere.0).await?;
        tx.messages().insert(&self.begun).await?;
        tx.messages().insert(&self.elsewhere.1).await
    }

    fn plain(&self, make: &Fixtures) -> Message {
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        Message { version: 2, ..make.question(&self.conversation, None, seq) }
    }

    fn full(&self, make: &Fixtures) -> Message {
        Message {
            parent_id: Some(self.begun[0].id),
            role: MessageRole::Assistant,
            status: MessageStatus::Interrupted,
            parts: Parts(vec![
                Part::Text { text: "see [1]".to_owned() },
                Part::Reasoning { text: "hm".to_owned() },
                Part::Image { file_id: Uuid::from_u128(1) },
                Part::File { file_id: Uuid::from_u128(2) },
                Part::ToolCall {
                    id: "c1".to_owned(),
                    name: "search".to_owned(),
                    arguments: "{\"q\": 1}".to_owned(),
                    extra: Default::default(),
                },
                Part::ToolResult { tool_call_id: "c1".to_owned(), content: "two".to_owned() },
                Part::Extra(AnswerExtra {
                    message: fields(json!({ "reasoning_details": [{ "signature": "s" }] })),
                    choice: fields(json!({ "stop_reason": 7 })),
                    answer: fields(json!({ "citations": ["u"] })),
                }),
                Part::Source { citation_index: 1 },
            ]),
            attachments: vec![json!({ "file_id": "f", "pages": [1, 2.5, null, true] })],
            model: Some("openai/gpt".to_owned()),
            input_tokens: Some(0),
            output_tokens: Some(7),
            cost: Some(Money(-1)),
            version: 3,
            is_edited: true,
            content_version: 4,
            edited_from_id: Some(self.begun[0].id),
            regenerated_from_id: Some(self.begun[1].id),
            forked_from_id: Some(self.elsewhere.1[0].id),
            finish_reason: Some("length".to_owned()),
            error: Some(json!({ "code": "upstream", "message": "it broke" })),
            irregular: true,
            metadata: json!({ "z": 1, "a": { "b": [] }, "n": 12_345_678_901_234_567_u64 }),
            created_at: make.in_seconds(1),
            updated_at: make.in_seconds(2),
            ..self.plain(make)
        }
    }

    fn whole<'a>(&'a self, _: &'a Message) -> &'a Conversation {
        &self.conversation
    }

    async fn insert(&self, tx: &dyn Tx, message: &Message) -> Result<(), StoreError> {
        tx.messages().insert(std::slice::from_ref(message)).await
    }

    async fn find(&self, tx: &dyn Tx, message: &Message) -> Result<Option<Message>, StoreError> {
        tx.messages().get(message.id).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        /// A pending answer to the question.
        fn answer(subject: &Messages, message: &mut Message, _: At<'_>) {
            message.parent_id = Some(subject.begun[0].id);
            message.role = MessageRole::Assistant;
            message.status = MessageStatus::Pending;
        }
        vec![
            Verb::<Self>::look_up("branch", |_, tx, message, _| {
                Box::pin(async move { Ok(tx.messages().branch(message.id, 10).await?.contains(message)) })
            }),
            Verb::<Self>::look_up("tree", |_, tx, message, _| {
                Box::pin(async move {
                    Ok(tx.messages().tree(message.conversation_id, 0, 10).await?.items.contains(message))
                })
            }),
            Verb::<Self>::look_up("siblings", |_, tx, message, _| {
                Box::pin(async move {
                    let siblings = tx.messages().siblings(message.conversation_id, &[message.parent_id]).await?;
                    Ok(siblings.iter().any(|sibling| sibling.id == message.id))
                })
            }),
            Verb::<Self>::look_up("next_version", |_, tx, message, _| {
                Box::pin(async move {
                    let next = tx.messages().next_version(message.conversation_id, message.parent_id).await?;
                    Ok(next == message.version + 1)
                })
            }),
            Verb::<Self>::look_up("leaf", |_, tx, message, _| {
                Box::pin(async move { Ok(tx.messages().leaf(message.id).await? == message.id) })
            }),
            Verb::<Self>::command(
                "set_active_child",
                |subject, tx, message, _| tx.messages().set_active_child(subject.begun[0].id, message.id),
                |_, _| (),
            )
            .on(answer),
            Verb::<Self>::command(
                "activate_path",
                |_, tx, message, _| tx.messages().activate_path(message.id),
                |_, _| (),
            )
            .on(answer),
            Verb::<Self>::command(
                "update_answer",
                |_, tx, message, at| {
                    Box::pin(async move { tx.messages().update_answer(message.id, &settled(at)).await })
                },
                |message, at| settled(at).apply(message),
            )
            .on(answer),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["messages"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            // I3: free in another conversation.
            Key::<Self>::new(&["messages", "seq"], Unique::Tenant, |stored, twin| twin.seq = stored.seq),
        ]
    }

    fn references() -> Vec<Reference<Self>> {
        fn of(message: Message, change: impl FnOnce(&mut Message)) -> Message {
            let mut message = Message { irregular: true, ..message };
            change(&mut message);
            message
        }
        vec![
            Reference::<Self>::new("conversation_id", |row, other| {
                of(row, |row| row.conversation_id = other.conversation.id)
            }),
            Reference::<Self>::new("user_id", |row, other| {
                of(row, |row| row.user_id = Some(other.conversation.user_id))
            }),
            // I1: of the same conversation.
            Reference::<Self>::new("parent_id", |row, other| of(row, |row| row.parent_id = Some(other.begun[0].id))),
            Reference::<Self>::new("active_child_id", |row, other| {
                of(row, |row| row.active_child_id = Some(other.begun[1].id))
            }),
            Reference::<Self>::new("edited_from_id", |row, other| {
                of(row, |row| row.edited_from_id = Some(other.begun[0].id))
            }),
            Reference::<Self>::new("regenerated_from_id", |row, other| {
                of(row, |row| row.regenerated_from_id = Some(other.begun[1].id))
            }),
            Reference::<Self>::new("forked_from_id", |row, other| {
                of(row, |row| row.forked_from_id = Some(other.begun[0].id))
            }),
        ]
    }

    fn may_add(&self, scope: &Scope, message: &Message) -> Result<(), StoreError> {
        let is_reached = self.reaches("insert", scope, message, Purpose::Change)?;
        may_add_part(scope, &self.conversation, is_reached)
    }
}

/// A message may be nobody's, and of any role.
pub async fn messages_of_all_roles_come_back(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let nobody = Message { user_id: None, ..world.make.question(&conversation, Some(&chain[1]), 4) };
    let system = world.make.message(&conversation, None, 5, MessageRole::System);
    let tool = world.make.message(&conversation, Some(&chain[1]), 6, MessageRole::Tool);
    let added = [nobody, system, tool];
    world.write(&scope, async |tx| tx.messages().insert(&added).await).await;
    for message in added {
        assert_eq!(world.read(&scope, async |tx| tx.messages().get(message.id).await).await, Some(message));
    }
}

/// Messages of one call may point at each other; a child may be named active before it is added.
pub async fn a_call_may_refer_to_its_own_messages(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, _) = talk(&world, &cast, 0).await;
    let mut chain = world.make.chain(&conversation, 3);
    chain[0].active_child_id = Some(chain[1].id);
    chain[1].active_child_id = Some(chain[2].id);
    world.write(&scope, async |tx| tx.messages().insert(&chain).await).await;
    let found = world.read(&scope, async |tx| tx.messages().branch(chain[2].id, 10).await).await;
    assert_eq!(found, chain);
}

/// I1: a parent is a message of the same conversation and tenant.
pub async fn a_parent_is_of_the_same_conversation(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let (_, elsewhere) = talk(&world, &cast, 2).await;
    let next = world.make.question(&conversation, Some(&chain[1]), 3);
    let active = Some(elsewhere[0].id);
    for broken in [
        Message { parent_id: Some(elsewhere[1].id), ..next.clone() },
        Message { parent_id: Some(world.make.id()), ..next.clone() },
        Message { conversation_id: world.make.id(), parent_id: None, ..next.clone() },
        Message { user_id: Some(cast.eve.id), ..next.clone() },
        Message { active_child_id: active, ..next.clone() },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.messages().insert(std::slice::from_ref(&broken)).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
    let found = world.read(&scope, async |tx| tx.messages().tree(conversation.id, 0, 10).await).await;
    assert_eq!(found.items, chain);
}

/// I2: a message comes after its parent, so no cycle can arise.
pub async fn a_message_comes_after_its_parent(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, _) = talk(&world, &cast, 0).await;
    let root = world.make.question(&conversation, None, 5);
    let early = world.make.answer(&conversation, &root, 4);
    let outcome = world.attempt(&scope, async |tx| tx.messages().insert(&[root, early]).await).await;
    assert_refused!(outcome, StoreError::Check(_));
}

/// I6: the grammar of roles, unless the message is marked as irregular.
pub async fn the_grammar_of_roles_is_kept(world: World) {
    use MessageRole as R;
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 2).await;
    let broken =
        [(Some(&chain[1]), R::System), (Some(&chain[0]), R::User), (Some(&chain[0]), R::Tool), (None, R::Tool)];
    for (seq, (parent, role)) in (3..).zip(broken) {
        let message = world.make.message(&conversation, parent, seq, role);
        let irregular = Message { irregular: true, ..message.clone() };
        let outcome = world.attempt(&scope, async |tx| tx.messages().insert(&[message]).await).await;
        assert_refused!(outcome, StoreError::Check(_));
        world.write(&scope, async |tx| tx.messages().insert(&[irregular]).await).await;
    }
}

/// Deleted messages are as if they did not exist, but keep their ordinal.
pub async fn deleted_messages_are_gone(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let (conversation, chain) = talk(&world, &cast, 1).await;
    let deleted = Message {
        deleted_at: Some(world.make.now()),
        deletion_id: Some(Uuid::from_u128(9)),
        version: 6,
        ..world.make.answer(&conversation, &chain[0], 2)
    };
    world.write(&scope, async |tx| tx.messages().insert(std::slice::from_ref(&deleted)).await).await;
    world
        .read(&scope, async |tx| {
            let messages = tx.messages();
            assert_eq!(messages.get(deleted.id).await?, None);
            assert_eq!(messages.tree(conversation.id, 0, 10).await?.items, chain);
            assert_eq!(messages.siblings(conversation.id, &[Some(chain[0].id)]).await?, []);
            assert_eq!(messages.next_version(conversation.id, Some(chain[0].id)).await?, 7);
            assert_eq!(messages.leaf(chain[0].id).await?, chain[0].id);
            Ok(())
        })
        .await;
}
