//! Walks through the tree of messages. Each costs what it passes, not what the tree holds.

use domain::{
    access::Filter,
    clock::Timestamp,
    conversations::Message,
    ids::{ConversationId, MessageId},
    store::StoreError,
};

use crate::{
    state::State,
    table::{Row, place},
};

impl State {
    /// The children of a message (`None`: the roots) by `seq`, deleted ones included.
    pub(super) fn children(
        &self,
        conversation: ConversationId,
        parent: Option<MessageId>,
    ) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.by("ix_messages_parent", place![conversation.0, parent.map(|id| id.0)])
    }

    /// The living children by `seq`.
    pub(super) fn live_children(
        &self,
        conversation: ConversationId,
        parent: Option<MessageId>,
    ) -> impl DoubleEndedIterator<Item = &Message> {
        self.children(conversation, parent).filter(|message| message.is_live())
    }

    /// At most `limit` messages that end in `last`, root first.
    pub(super) fn branch(&self, filter: Filter, last: MessageId, limit: u32) -> Vec<Message> {
        let mut branch = Vec::new();
        let mut next = self.reached_message(filter, last);
        while let Some(message) = next.filter(|_| branch.len() < limit as usize) {
            branch.push(message.clone());
            let parent = message.parent_id.and_then(|id| self.messages.get(&id));
            next = parent.filter(|parent| parent.is_live());
        }
        branch.reverse();
        branch
    }

    /// Makes every message above `id` point to the next one towards it.
    pub(super) fn activate_path(&mut self, filter: Filter, id: MessageId, now: Timestamp) -> Result<(), StoreError> {
        let message = self.reached_message(filter, id).ok_or(StoreError::Stale)?;
        let (mut child, mut above) = (message.id, message.parent_id);
        while let Some(parent) = above.and_then(|id| self.messages.get(&id)) {
            let id = parent.id;
            above = parent.parent_id;
            // Rows that already point the right way stay as they are, and shared with the copy before.
            if parent.active_child_id != Some(child) {
                self.change(&id, |parent: &mut Message| {
                    parent.active_child_id = Some(child);
                    parent.updated_at = now;
                })?;
            }
            child = id;
        }
        Ok(())
    }

    /// The leaf below `id` on the branch that was last active.
    pub(super) fn leaf(&self, filter: Filter, id: MessageId) -> Result<MessageId, StoreError> {
        let mut message = self.reached_message(filter, id).ok_or(StoreError::Stale)?;
        loop {
            let active = message.active_child_id.and_then(|id| self.messages.get(&id));
            let newest = || self.live_children(message.conversation_id, Some(message.id)).next_back();
            match active.filter(|child| child.is_live()).or_else(newest) {
                Some(child) => message = child,
                None => return Ok(message.id),
            }
        }
    }
}
