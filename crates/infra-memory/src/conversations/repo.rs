//! Conversations.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    conversations::{Conversation, ConversationFilter, ConversationRepo, HeadMove, Origin, RetrievalChoice},
    ids::{CollectionId, ConversationId, UserId},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    usage::{TokenUsage, UsageTotals},
};
use uuid::Uuid;

use super::rows::{ChosenCollection, counts};
use crate::{
    check::{fits_column, refuse},
    state::State,
    store::MemoryTx,
};

fn matches(user: Option<UserId>, filter: &ConversationFilter, conversation: &Conversation) -> bool {
    let ConversationFilter { include_others, origin, include_archived, title_contains } = filter;
    let title_holds = |text: &String| {
        let title = conversation.title.as_deref().unwrap_or_default();
        title.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
    };
    (*include_others || Some(conversation.user_id) == user)
        && origin.map_or(conversation.origin != Origin::OpenAi, |origin| conversation.origin == origin)
        && (*include_archived || conversation.archived_at.is_none())
        && title_contains.as_ref().is_none_or(title_holds)
}

impl State {
    /// The conversation with its chosen collections, which are kept by themselves.
    fn with_collections(&self, mut conversation: Conversation) -> Conversation {
        if let RetrievalChoice::Collections(collections) = &mut conversation.retrieval {
            let first = (conversation.id, CollectionId(Uuid::nil()));
            let chosen = self.conversation_collections.range(first, (conversation.id, CollectionId(Uuid::max())));
            *collections = chosen.map(|row| row.collection_id).collect();
        }
        conversation
    }

    fn insert_conversation(&mut self, mut conversation: Conversation) -> Result<(), StoreError> {
        let Conversation { id: conversation_id, tenant_id, .. } = conversation;
        let chosen = match &mut conversation.retrieval {
            RetrievalChoice::Collections(collections) => std::mem::take(collections),
            RetrievalChoice::All => Vec::new(),
        };
        self.insert(conversation)?;
        let rows = chosen.into_iter();
        let mut rows = rows.map(|collection_id| ChosenCollection { tenant_id, conversation_id, collection_id });
        rows.try_for_each(|row| self.insert(row))
    }
}

#[async_trait]
impl ConversationRepo for MemoryTx {
    async fn get(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| Ok(state.reached(filter, &id).cloned().map(|found| state.with_collections(found))))
    }

    async fn lock(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        // The one write transaction holds everything locked already.
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        self.write(|state| Ok(state.reached(filter, &id).cloned().map(|found| state.with_collections(found))))
    }

    async fn list(&self, filter: &ConversationFilter, page: PageRequest) -> Result<Page<Conversation>, StoreError> {
        let wanted = |found: &Conversation| matches(self.user(), filter, found);
        let mut page = self.page_of(page, wanted, |row| Cursor { at: row.created_at, id: row.id.0 })?;
        self.read(|state| {
            page.items = page.items.into_iter().map(|found| state.with_collections(found)).collect();
            Ok(page)
        })
    }

    async fn insert(&self, conversation: &Conversation) -> Result<(), StoreError> {
        self.scope.may_add(conversation)?;
        self.write(|state| state.insert_conversation(conversation.clone()))
    }

    async fn update(&self, conversation: &Conversation) -> Result<(), StoreError> {
        self.change(&conversation.id, |stored: &mut Conversation| {
            let Conversation { title, visibility, model, system_prompt, archived_at, deleted_at, updated_at, .. } =
                conversation.clone();
            stored.title = title;
            stored.visibility = visibility;
            stored.model = model;
            stored.system_prompt = system_prompt;
            stored.archived_at = archived_at;
            stored.deleted_at = deleted_at;
            stored.updated_at = updated_at;
        })
    }

    async fn move_head(&self, id: ConversationId, head: &HeadMove) -> Result<(), StoreError> {
        self.change(&id, |stored: &mut Conversation| {
            stored.current_message_id = head.current_message_id;
            stored.head_version = head.head_version;
            stored.next_seq = head.next_seq;
            stored.message_count = head.message_count;
            stored.updated_at = head.at;
        })
    }

    async fn add_usage(
        &self,
        id: ConversationId,
        totals: UsageTotals,
        last_context: Option<TokenUsage>,
    ) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        let now = self.now();
        self.write(|state| {
            let found = state.reached::<Conversation>(filter, &id).ok_or(StoreError::Stale)?;
            fits_column(counts(totals))?;
            let sum = found.totals.checked_add(totals);
            let sum = sum.ok_or_else(|| refuse("the sum of the costs leaves its range"))?;
            state.change(&id, |stored: &mut Conversation| {
                stored.totals = sum;
                stored.last_context = last_context.or(stored.last_context);
                stored.updated_at = now;
            })
        })
    }
}
