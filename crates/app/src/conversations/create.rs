//! Begin a conversation; read and list conversations.

use domain::{
    access::{Actor, Permission},
    conversations::{Conversation, ConversationFilter, Origin, RetrievalChoice, Visibility},
    ids::{CollectionId, ConversationId, TenantId},
    page::{Page, PageRequest},
    text,
    usage::{QuotaKind, UsageTotals},
};
use serde_json::json;

use crate::{
    Idempotent, Outcome, Result,
    audit::Act,
    conversations::{Conversations, tree::conversation},
    knowledge::{named_once, need_all},
    unit_of_work::{Uow, tenant_of},
};

/// Most bytes of a system prompt.
pub const MAX_SYSTEM_PROMPT_BYTES: usize = 128 * 1024;

/// What a conversation begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewConversation {
    /// Its title.
    pub title: Option<String>,
    /// The model of its answers.
    pub model: Option<String>,
    /// Instructions before every prompt.
    pub system_prompt: Option<String>,
    /// Where answers look for passages; `None`: in all that the user may read; empty: nowhere.
    pub collections: Option<Vec<CollectionId>>,
    /// Who may read it; by default its owner.
    pub visibility: Option<Visibility>,
}

impl Conversations {
    /// Begins a conversation.
    ///
    /// # Errors
    /// `invalid` for values out of bounds or a model that does not exist; `not_found` for a
    /// collection that the actor may not read; `quota_exceeded`.
    pub async fn create(
        &self,
        actor: &Actor,
        new: NewConversation,
        idempotent: Option<Idempotent<Conversation>>,
    ) -> Result<Outcome<Conversation>> {
        let scope = self.app.allow(actor, Permission::ConversationsWrite)?;
        let conversation = self.new_row(actor, tenant_of(&scope)?, new, Origin::App)?;
        if let Some(model) = &conversation.model {
            self.app.parts.models.resolve(model).await?;
        }
        let this = self.clone();
        let work = move |tx: Uow| {
            let (this, conversation) = (this.clone(), conversation.clone());
            async move {
                let act = this.insert(&tx, &conversation).await?;
                Ok((conversation, act))
            }
        };
        self.app.change(actor, scope, idempotent, work).await
    }

    /// Stores a conversation, where there is room for it; the act is for who stores it to record.
    pub(super) async fn insert(&self, tx: &Uow, conversation: &Conversation) -> Result<Act> {
        if let RetrievalChoice::Collections(ids) = &conversation.retrieval {
            need_all(tx, ids).await?;
        }
        self.app.need_room(tx, QuotaKind::Conversations, Some(conversation.user_id), 1).await?;
        tx.conversations().insert(conversation).await?;
        let after = json!({ "title": conversation.title, "model": conversation.model });
        Ok(Act::on("conversation_created", "conversation", conversation.id.0).now(after))
    }

    /// A conversation that is not stored yet.
    pub(super) fn new_row(
        &self,
        actor: &Actor,
        tenant_id: TenantId,
        new: NewConversation,
        origin: Origin,
    ) -> Result<Conversation> {
        let title = new.title.as_deref().map(|title| text::name("title", title)).transpose()?;
        let system_prompt = new
            .system_prompt
            .as_deref()
            .map(|prompt| text::free("system_prompt", prompt, MAX_SYSTEM_PROMPT_BYTES))
            .transpose()?;
        let now = self.app.now();
        Ok(Conversation {
            id: ConversationId(self.app.parts.ids.random()),
            tenant_id,
            user_id: actor.user_id,
            title,
            visibility: new.visibility.unwrap_or(Visibility::Private),
            model: new.model,
            system_prompt,
            retrieval: choice_of(new.collections)?,
            current_message_id: None,
            head_version: 0,
            next_seq: 1,
            origin,
            forked_from_conversation_id: None,
            archived_at: None,
            deleted_at: None,
            last_context: None,
            message_count: 0,
            totals: UsageTotals::default(),
            created_at: now,
            updated_at: now,
        })
    }

    /// The conversation.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get(&self, actor: &Actor, id: ConversationId) -> Result<Conversation> {
        let found = self.app.query(actor, Permission::ConversationsRead, async |tx| conversation(tx, id).await).await?;
        self.app.note_reading(actor, &found).await?;
        Ok(found)
    }

    /// Conversations, newest first.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn list(
        &self,
        actor: &Actor,
        filter: &ConversationFilter,
        page: PageRequest,
    ) -> Result<Page<Conversation>> {
        let read = async |tx: &Uow| Ok(tx.conversations().list(filter, page).await?);
        self.app.query(actor, Permission::ConversationsRead, read).await
    }
}

/// Where answers look for passages, with each collection named once.
fn choice_of(collections: Option<Vec<CollectionId>>) -> Result<RetrievalChoice> {
    Ok(match collections {
        None => RetrievalChoice::All,
        Some(ids) => RetrievalChoice::Collections(named_once(ids)?),
    })
}
