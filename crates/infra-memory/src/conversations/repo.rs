//! Conversations.

use async_trait::async_trait;
use domain::{
    access::TenantScope,
    conversations::{Conversation, ConversationFilter, ConversationRepo, HeadMove, Origin, RetrievalChoice},
    ids::ConversationId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    usage::{TokenUsage, UsageTotals},
};

use crate::{
    check::{conflict, no_nul, refuse},
    page::newest_first,
    reach,
    state::State,
    store::MemoryTx,
};

fn check_text(conversation: &Conversation) -> Result<(), StoreError> {
    let Conversation { title, model, system_prompt, .. } = conversation;
    no_nul([title, model, system_prompt].into_iter().flatten().map(String::as_str))
}

fn matches(scope: &TenantScope, filter: &ConversationFilter, conversation: &Conversation) -> bool {
    let ConversationFilter { include_others, origin, include_archived, title_contains } = filter;
    let title_holds = |text: &String| {
        let title = conversation.title.as_deref().unwrap_or_default();
        title.to_ascii_lowercase().contains(&text.to_ascii_lowercase())
    };
    (*include_others || reach::is_own(scope, Some(conversation.user_id)))
        && origin.map_or(conversation.origin != Origin::OpenAi, |origin| conversation.origin == origin)
        && (*include_archived || conversation.archived_at.is_none())
        && title_contains.as_ref().is_none_or(title_holds)
}

/// The conversation, to be changed.
pub(super) fn reached_mut<'a>(
    state: &'a mut State,
    scope: &TenantScope,
    id: ConversationId,
) -> Result<&'a mut Conversation, StoreError> {
    let found = state.conversations.get_mut(&id).filter(|found| reach::conversation(scope, found));
    found.ok_or(StoreError::Stale)
}

#[async_trait]
impl ConversationRepo for MemoryTx {
    async fn get(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.reached_conversation(scope, id).cloned()))
    }

    async fn lock(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        // The one write transaction holds everything locked already.
        let scope = self.tenant()?;
        self.write(|state| Ok(state.reached_conversation(scope, id).cloned()))
    }

    async fn list(&self, filter: &ConversationFilter, page: PageRequest) -> Result<Page<Conversation>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let reached = state.conversations.values().filter(|found| reach::conversation(scope, found));
            let rows = reached.filter(|found| matches(scope, filter, found));
            Ok(newest_first(rows, page, |row| Cursor { at: row.created_at, id: row.id.0 }))
        })
    }

    async fn insert(&self, conversation: &Conversation) -> Result<(), StoreError> {
        let tenant = self.tenant()?.tenant_id;
        if conversation.tenant_id != tenant {
            return Err(StoreError::OutOfScope("a conversation is added in the scope of its tenant"));
        }
        self.write(|state| {
            check_text(conversation)?;
            if state.conversations.contains_key(&conversation.id) {
                return Err(conflict("conversations_pkey"));
            }
            state.need_tenant(tenant)?;
            state.need_user(tenant, Some(conversation.user_id))?;
            state.need_message_of(conversation.id, conversation.current_message_id)?;
            if let RetrievalChoice::Collections(collections) = &conversation.retrieval {
                for id in collections {
                    state.need_collection(tenant, Some(*id))?;
                }
            }
            state.conversations.insert_mut(conversation.id, conversation.clone());
            Ok(())
        })
    }

    async fn update(&self, conversation: &Conversation) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let stored = reached_mut(state, scope, conversation.id)?;
            check_text(conversation)?;
            let Conversation { title, visibility, model, system_prompt, archived_at, deleted_at, updated_at, .. } =
                conversation.clone();
            stored.title = title;
            stored.visibility = visibility;
            stored.model = model;
            stored.system_prompt = system_prompt;
            stored.archived_at = archived_at;
            stored.deleted_at = deleted_at;
            stored.updated_at = updated_at;
            Ok(())
        })
    }

    async fn move_head(&self, id: ConversationId, head: &HeadMove) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            state.reached_conversation(scope, id).ok_or(StoreError::Stale)?;
            state.need_message_of(id, head.current_message_id)?;
            let stored = reached_mut(state, scope, id)?;
            stored.current_message_id = head.current_message_id;
            stored.head_version = head.head_version;
            stored.next_seq = head.next_seq;
            stored.message_count = head.message_count;
            stored.updated_at = head.at;
            Ok(())
        })
    }

    async fn add_usage(
        &self,
        id: ConversationId,
        totals: UsageTotals,
        last_context: Option<TokenUsage>,
    ) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        let now = self.now();
        self.write(|state| {
            let stored = reached_mut(state, scope, id)?;
            stored.totals =
                stored.totals.checked_add(totals).ok_or_else(|| refuse("the sum of the costs leaves its range"))?;
            stored.last_context = last_context.or(stored.last_context);
            stored.updated_at = now;
            Ok(())
        })
    }
}
