//! Messages: adding, reading and settling them.

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose},
    conversations::{AnswerUpdate, Conversation, Message, MessageRepo, Sibling, message::may_follow},
    ids::{ConversationId, MessageId},
    page::Page,
    store::StoreError,
};

use crate::{
    check::{refuse, require},
    state::State,
    store::MemoryTx,
    table::{Row, place},
};

impl State {
    /// The living message, if the filter lets its conversation through.
    pub(crate) fn reached_message(&self, filter: Filter, id: MessageId) -> Option<&Message> {
        let message = self.messages.get(&id).filter(|message| message.is_live())?;
        self.reached::<Conversation>(filter, &message.conversation_id)?;
        Some(message)
    }

    fn insert_message(&mut self, filter: Filter, message: &Message) -> Result<(), StoreError> {
        self.whole::<Conversation>(filter, &message.conversation_id)?;
        // A parent that is missing is the reference's affair.
        let parent = message.parent_id.and_then(|parent| self.messages.get(&parent));
        if parent.is_some() || message.parent_id.is_none() {
            require(parent.is_none_or(|parent| parent.seq < message.seq), "a message comes after its parent")?;
            let fits = message.irregular || may_follow(parent.map(|parent| parent.role), message.role);
            require(fits, "a message of this role may not follow its parent")?;
        }
        self.insert(message.clone())
    }
}

#[async_trait]
impl MessageRepo for MemoryTx {
    async fn get(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| Ok(state.reached_message(filter, id).cloned()))
    }

    async fn insert(&self, messages: &[Message]) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        messages.iter().try_for_each(|message| self.may_add_part(message.tenant_id))?;
        self.write(|state| messages.iter().try_for_each(|message| state.insert_message(filter, message)))
    }

    async fn branch(&self, last: MessageId, limit: u32) -> Result<Vec<Message>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| Ok(state.branch(filter, last, limit)))
    }

    async fn tree(
        &self,
        conversation: ConversationId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Page<Message, i64>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| {
            if state.reached::<Conversation>(filter, &conversation).is_none() {
                return Ok(Page { items: Vec::new(), next: None });
            }
            let from = place![conversation.0, after_seq.saturating_add(1)];
            let after = state.messages.by_from("uq_messages_seq", place![conversation.0], from);
            let rows = after.filter(|message| message.is_live()).take(limit as usize + 1).cloned().collect();
            Ok(Page::from_rows(rows, limit, |message: &Message| message.seq))
        })
    }

    async fn siblings(
        &self,
        conversation: ConversationId,
        parents: &[Option<MessageId>],
    ) -> Result<Vec<Sibling>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| {
            if state.reached::<Conversation>(filter, &conversation).is_none() {
                return Ok(Vec::new());
            }
            let had_several = |parent: &&_| state.children(conversation, **parent).any(|child| child.version > 1);
            let parents = parents.iter().filter(had_several);
            let children = parents.flat_map(|parent| state.live_children(conversation, *parent));
            let mut children: Vec<&Message> = children.collect();
            children.sort_unstable_by_key(|message| message.seq);
            children.dedup_by_key(|message| message.seq);
            Ok(children.into_iter().map(|message| Sibling { parent_id: message.parent_id, id: message.id }).collect())
        })
    }

    async fn next_version(&self, conversation: ConversationId, parent: Option<MessageId>) -> Result<i32, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| {
            state.reached::<Conversation>(filter, &conversation).ok_or(StoreError::Stale)?;
            let greatest = state.children(conversation, parent).map(|child| child.version).max().unwrap_or(0);
            greatest.checked_add(1).ok_or_else(|| refuse("a message has too many siblings"))
        })
    }

    async fn set_active_child(&self, parent: MessageId, child: MessageId) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        let now = self.now();
        self.write(|state| {
            state.reached_message(filter, parent).ok_or(StoreError::Stale)?;
            state.change(&parent, |stored: &mut Message| {
                stored.active_child_id = Some(child);
                stored.updated_at = now;
            })
        })
    }

    async fn activate_path(&self, id: MessageId) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        let now = self.now();
        self.write(|state| state.activate_path(filter, id, now))
    }

    async fn leaf(&self, id: MessageId) -> Result<MessageId, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| state.leaf(filter, id))
    }

    async fn update_answer(&self, id: MessageId, update: &AnswerUpdate) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        self.write(|state| {
            let stored = state.reached_message(filter, id).ok_or(StoreError::Stale)?;
            let allowed = stored.status.may_become(update.status);
            require(allowed, "the status of the answer may not take this step")?;
            state.change(&id, |answer: &mut Message| update.apply(answer))
        })
    }
}
