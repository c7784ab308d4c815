//! Begin a conversation; read and list conversations.

use domain::{
    access::{Actor, Permission},
    conversations::{Conversation, ConversationFilter, Origin, RetrievalChoice, Visibility},
    ids::{CollectionId, ConversationId},
    page::{Page, PageRequest},
    text,
    usage::UsageTotals,
};
use serde_json::json;

use crate::{Error, ErrorKind, Idempotent, Outcome, Result, audit::Act, conversations::Conversations};

/// Most collections that a conversation names.
const MAX_COLLECTIONS: usize = 100;
/// Most bytes of a system prompt.
const MAX_SYSTEM_PROMPT_BYTES: usize = 128 * 1024;

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
    /// collection that the actor may not read.
    pub async fn create(
        &self,
        actor: &Actor,
        new: NewConversation,
        idempotent: Option<Idempotent<Conversation>>,
    ) -> Result<Outcome<Conversation>> {
        self.create_with_origin(actor, new, Origin::App, idempotent).await
    }

    pub(crate) async fn create_with_origin(
        &self,
        actor: &Actor,
        new: NewConversation,
        origin: Origin,
        idempotent: Option<Idempotent<Conversation>>,
    ) -> Result<Outcome<Conversation>> {
        let scope = self.app.parts.policy.allow(actor, Permission::ConversationsWrite)?;
        let tenant_id = scope.tenant_id().ok_or_else(Error::unauthenticated)?;
        let title = new.title.as_deref().map(|title| text::name("title", title)).transpose()?;
        let system_prompt = new
            .system_prompt
            .as_deref()
            .map(|prompt| text::free("system_prompt", prompt, MAX_SYSTEM_PROMPT_BYTES))
            .transpose()?;
        if let Some(model) = &new.model {
            self.app.parts.models.resolve(model).await?;
        }
        let collections = match new.collections {
            None => RetrievalChoice::All,
            Some(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                if ids.len() > MAX_COLLECTIONS {
                    let message = format!("name at most {MAX_COLLECTIONS} collections");
                    return Err(Error::new(ErrorKind::Invalid, "too_many_collections", message));
                }
                RetrievalChoice::Collections(ids)
            }
        };
        let now = self.app.now();
        let conversation = Conversation {
            id: ConversationId(self.app.parts.ids.random()),
            tenant_id,
            user_id: actor.user_id,
            title,
            visibility: new.visibility.unwrap_or(Visibility::Private),
            model: new.model,
            system_prompt,
            retrieval: collections,
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
        };
        let this = self.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let conversation = &conversation;
                let app = &this.app;
                app.effect(&actor, &scope, idempotent.as_ref(), |tx| {
                    let actor = &actor;
                    async move {
                        if let RetrievalChoice::Collections(ids) = &conversation.retrieval {
                            for id in ids {
                                if tx.collections().get(*id).await?.is_none() {
                                    return Err(Error::not_found("collection", id.0));
                                }
                            }
                        }
                        tx.conversations().insert(conversation).await?;
                        let after = json!({ "title": conversation.title, "model": conversation.model });
                        let act = Act::on("conversation_created", "conversation", conversation.id.0).now(after);
                        app.audit(tx.as_ref(), actor, act).await?;
                        Ok((conversation.clone(), tx))
                    }
                })
                .await
            })
            .await
    }

    /// The conversation.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn get(&self, actor: &Actor, id: ConversationId) -> Result<Conversation> {
        let scope = self.app.parts.policy.allow(actor, Permission::ConversationsRead)?;
        let tx = self.app.read(&scope).await?;
        let conversation = tx.conversations().get(id).await?;
        tx.commit().await?;
        conversation.ok_or_else(|| Error::not_found("conversation", id.0))
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
        let scope = self.app.parts.policy.allow(actor, Permission::ConversationsRead)?;
        let tx = self.app.read(&scope).await?;
        let conversations = tx.conversations().list(filter, page).await?;
        tx.commit().await?;
        Ok(conversations)
    }
}
