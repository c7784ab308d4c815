//! Read a conversation: the active branch, or the whole tree.

use std::collections::HashMap;

use domain::{
    access::{Actor, Permission},
    conversations::Message,
    ids::{ConversationId, MessageId},
    knowledge::CitedPassage,
};

use crate::{
    Error, Result,
    conversations::{
        Conversations, Head, citations_of,
        tree::{conversation, message_in},
    },
    unit_of_work::Uow,
};

/// A message as a reader sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageView {
    /// The message.
    pub message: Message,
    /// The living siblings by `seq`, the message included.
    pub siblings: Vec<MessageId>,
    /// Its citations by number.
    pub citations: Vec<CitedPassage>,
}

/// A page of a branch, root first.
#[derive(Debug, Clone, PartialEq)]
pub struct BranchPage {
    /// The last messages before the cursor, root first.
    pub items: Vec<MessageView>,
    /// The message at which the page before this one ends; `None`: this one begins at the root.
    pub next: Option<MessageId>,
    /// Where the head stands.
    pub head: Head,
}

/// A page of the whole tree, by `seq`.
#[derive(Debug, Clone, PartialEq)]
pub struct TreePage {
    /// Live messages by `seq`.
    pub items: Vec<MessageView>,
    /// The `seq` after which the next page begins.
    pub next: Option<i64>,
    /// Where the head stands.
    pub head: Head,
}

impl Conversations {
    /// The active branch, root to head: the last `limit` messages, or those up to `last`.
    ///
    /// # Errors
    /// `not_found`; `invalid` when `last` belongs to another conversation.
    pub async fn branch(
        &self,
        actor: &Actor,
        id: ConversationId,
        last: Option<MessageId>,
        limit: u32,
    ) -> Result<BranchPage> {
        let read = async |tx: &Uow| {
            let conversation = conversation(tx, id).await?;
            let last = match last {
                None => conversation.current_message_id,
                Some(last) => Some(message_in(tx, &conversation, last, "cursor").await?.id),
            };
            let messages = match last {
                None => Vec::new(),
                Some(last) => tx.messages().branch(last, limit).await?,
            };
            let next = messages.first().and_then(|first| first.parent_id);
            let items = views(tx, id, messages).await?;
            let page = BranchPage { items, next, head: Head::from(&conversation) };
            Ok((page, conversation))
        };
        let (page, conversation) = self.app.query(actor, Permission::ConversationsRead, read).await?;
        self.app.note_reading(actor, &conversation).await?;
        Ok(page)
    }

    /// All live messages by `seq`.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn tree(&self, actor: &Actor, id: ConversationId, after_seq: i64, limit: u32) -> Result<TreePage> {
        let read = async |tx: &Uow| {
            let conversation = conversation(tx, id).await?;
            let page = tx.messages().tree(id, after_seq, limit).await?;
            let items = views(tx, id, page.items).await?;
            let page = TreePage { items, next: page.next, head: Head::from(&conversation) };
            Ok((page, conversation))
        };
        let (page, conversation) = self.app.query(actor, Permission::ConversationsRead, read).await?;
        self.app.note_reading(actor, &conversation).await?;
        Ok(page)
    }

    /// One message.
    ///
    /// # Errors
    /// `not_found`; `invalid` when it belongs to another conversation.
    pub async fn message(&self, actor: &Actor, id: ConversationId, message: MessageId) -> Result<MessageView> {
        let read = async |tx: &Uow| {
            let message = match tx.messages().get(message).await? {
                Some(found) if found.conversation_id == id => found,
                // Tells which of them is not there, or that they do not belong together.
                _ => message_in(tx, &conversation(tx, id).await?, message, "message_id").await?,
            };
            let view =
                views(tx, id, vec![message]).await?.pop().ok_or_else(|| Error::internal("a message has a view"))?;
            // Others are shown only what is shown to all.
            let conversation = if actor.sees_whole_tenant() { Some(conversation(tx, id).await?) } else { None };
            Ok((view, conversation))
        };
        let (view, conversation) = self.app.query(actor, Permission::ConversationsRead, read).await?;
        if let Some(conversation) = conversation {
            self.app.note_reading(actor, &conversation).await?;
        }
        Ok(view)
    }
}

/// Adds siblings and citations to messages of one conversation.
async fn views(tx: &Uow, id: ConversationId, messages: Vec<Message>) -> Result<Vec<MessageView>> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut parents: Vec<Option<MessageId>> = messages.iter().map(|message| message.parent_id).collect();
    parents.sort_unstable();
    parents.dedup();
    let mut siblings: HashMap<Option<MessageId>, Vec<MessageId>> = HashMap::new();
    for sibling in tx.messages().siblings(id, &parents).await? {
        siblings.entry(sibling.parent_id).or_default().push(sibling.id);
    }
    let ids: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    let citations = tx.retrieval().citations_of(&ids).await?;
    let view = |message: Message| MessageView {
        siblings: siblings.get(&message.parent_id).cloned().unwrap_or_else(|| vec![message.id]),
        citations: citations_of(&message, &citations),
        message,
    };
    Ok(messages.into_iter().map(view).collect())
}
