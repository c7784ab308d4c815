//! Messages: adding, reading and settling them.

use async_trait::async_trait;
use domain::{
    access::TenantScope,
    conversations::{AnswerUpdate, Message, MessageRepo, Parts, Sibling, message::may_follow},
    ids::{ConversationId, MessageId},
    page::Page,
    store::StoreError,
};

use crate::{
    check::{conflict, fits_column, no_nul, no_nul_json, refuse},
    state::{State, need},
    store::MemoryTx,
};

impl State {
    /// The living message, if the scope reaches its conversation.
    pub(crate) fn reached_message(&self, scope: &TenantScope, id: MessageId) -> Option<&Message> {
        let message = self.messages.get(&id).filter(|message| message.deleted_at.is_none())?;
        self.reached_conversation(scope, message.conversation_id)?;
        Some(message)
    }

    fn insert_message(&mut self, scope: &TenantScope, message: &Message) -> Result<(), StoreError> {
        let Message { id, tenant_id, conversation_id, parent_id, seq, .. } = *message;
        if tenant_id != scope.tenant_id {
            return Err(StoreError::OutOfScope("a message is added in the scope of its tenant"));
        }
        self.need_conversation(tenant_id, Some(conversation_id))?;
        self.reached_conversation(scope, conversation_id).ok_or(StoreError::Stale)?;
        check_values(message)?;
        if self.messages.contains_key(&id) {
            return Err(conflict("messages_pkey"));
        }
        if self.message_order.contains_key(&(conversation_id, seq)) {
            return Err(conflict("uq_messages_seq"));
        }
        self.need_user(tenant_id, message.user_id)?;
        self.need_message_of(conversation_id, parent_id)?;
        self.need_message_of(conversation_id, message.edited_from_id)?;
        self.need_message_of(conversation_id, message.regenerated_from_id)?;
        let parent = parent_id.and_then(|parent| self.messages.get(&parent));
        if parent.is_some_and(|parent| parent.seq >= seq) {
            return Err(refuse("a message comes after its parent"));
        }
        if !message.irregular && !may_follow(parent.map(|parent| parent.role), message.role) {
            return Err(refuse("a message of this role may not follow its parent"));
        }
        self.message_order.insert_mut((conversation_id, seq), id);
        self.children.insert_mut((conversation_id, parent_id, seq), id);
        self.messages.insert_mut(id, message.clone());
        Ok(())
    }

    /// Foreign key from a message to one of its living children.
    fn need_live_child(&self, parent: MessageId, child: MessageId) -> Result<(), StoreError> {
        need(Some(child), |id| {
            self.messages.get(&id).is_some_and(|child| child.parent_id == Some(parent) && child.deleted_at.is_none())
        })
    }
}

fn check_values(message: &Message) -> Result<(), StoreError> {
    let Message { parts, attachments, model, finish_reason, error, metadata, seq, version, content_version, .. } =
        message;
    no_nul([model, finish_reason].into_iter().flatten().map(String::as_str))?;
    no_nul_json(attachments.iter().chain(error).chain([metadata]))?;
    check_parts(parts)?;
    fits_column([message.input_tokens, message.output_tokens].into_iter().flatten())?;
    if *seq < 1 || *version < 1 || *content_version < 1 {
        return Err(refuse("numbers of a message count from 1"));
    }
    Ok(())
}

fn check_parts(parts: &Parts) -> Result<(), StoreError> {
    no_nul_json([&parts.to_stored()])
}

#[async_trait]
impl MessageRepo for MemoryTx {
    async fn get(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.reached_message(scope, id).cloned()))
    }

    async fn insert(&self, messages: &[Message]) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            for message in messages {
                state.insert_message(scope, message)?;
            }
            for message in messages {
                if let Some(child) = message.active_child_id {
                    state.need_live_child(message.id, child)?;
                }
            }
            Ok(())
        })
    }

    async fn branch(&self, last: MessageId, limit: u32) -> Result<Vec<Message>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.branch(scope, last, limit)))
    }

    async fn tree(
        &self,
        conversation: ConversationId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Page<Message, i64>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            if state.reached_conversation(scope, conversation).is_none() {
                return Ok(Page { items: Vec::new(), next: None });
            }
            let after = (conversation, after_seq.saturating_add(1))..=(conversation, i64::MAX);
            let live = state.message_order.range(after).filter_map(|(_, id)| state.messages.get(id));
            let live = live.filter(|message| message.deleted_at.is_none());
            let rows = live.take(limit as usize + 1).cloned().collect();
            Ok(Page::from_rows(rows, limit, |message: &Message| message.seq))
        })
    }

    async fn siblings(
        &self,
        conversation: ConversationId,
        parents: &[Option<MessageId>],
    ) -> Result<Vec<Sibling>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            if state.reached_conversation(scope, conversation).is_none() {
                return Ok(Vec::new());
            }
            let children = parents.iter().flat_map(|parent| state.live_children(conversation, *parent));
            let mut children: Vec<&Message> = children.collect();
            children.sort_unstable_by_key(|message| message.seq);
            children.dedup_by_key(|message| message.seq);
            Ok(children.into_iter().map(|message| Sibling { parent_id: message.parent_id, id: message.id }).collect())
        })
    }

    async fn next_version(&self, conversation: ConversationId, parent: Option<MessageId>) -> Result<i32, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            state.reached_conversation(scope, conversation).ok_or(StoreError::Stale)?;
            let greatest = state.children(conversation, parent).map(|child| child.version).max().unwrap_or(0);
            greatest.checked_add(1).ok_or_else(|| refuse("a message has too many siblings"))
        })
    }

    async fn set_active_child(&self, parent: MessageId, child: MessageId) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        let now = self.now();
        self.write(|state| {
            state.reached_message(scope, parent).ok_or(StoreError::Stale)?;
            state.need_live_child(parent, child)?;
            if let Some(stored) = state.messages.get_mut(&parent) {
                stored.active_child_id = Some(child);
                stored.updated_at = now;
            }
            Ok(())
        })
    }

    async fn activate_path(&self, id: MessageId) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        let now = self.now();
        self.write(|state| state.activate_path(scope, id, now))
    }

    async fn leaf(&self, id: MessageId) -> Result<MessageId, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| state.leaf(scope, id))
    }

    async fn update_answer(&self, id: MessageId, update: &AnswerUpdate) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let stored = state.reached_message(scope, id).ok_or(StoreError::Stale)?;
            if !stored.status.may_become(update.status) {
                return Err(refuse("the status of the answer may not take this step"));
            }
            no_nul(update.finish_reason.as_deref())?;
            no_nul_json(update.error.iter())?;
            check_parts(&update.parts)?;
            fits_column(update.tokens.iter().flat_map(|tokens| [tokens.input_tokens, tokens.output_tokens]))?;
            update.apply(state.messages.get_mut(&id).ok_or(StoreError::Stale)?);
            Ok(())
        })
    }
}
