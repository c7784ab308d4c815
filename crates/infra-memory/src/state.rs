//! The tables.

use std::sync::Arc;

use domain::{
    admin::{AuditLog, IdempotencyRecord, Installation, Job},
    conversations::{Conversation, Message, Stream, StreamEvent},
    identity::{ApiKey, RefreshToken, Role, Session, User, UserRole},
    ids::{
        ApiKeyId, AuditLogId, ChunkId, CitationId, CollectionId, ConversationId, JobId, MessageId, ModelPriceId,
        RefreshTokenId, RequestId, RetrievalRunId, RoleId, SessionId, SourceId, SourceVersionId, StreamId, TenantId,
        UsageLogId, UserId, UserRoleId,
    },
    knowledge::{Chunk, Citation, Collection, RetrievalHit, RetrievalRun, Source, SourceVersion},
    store::StoreError,
    tenancy::Tenant,
    usage::{ModelPrice, ProviderCall, UsageLog},
};
use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};

/// A table or an index: a sorted map whose copies share what they have in common.
pub(crate) type Table<K, V> = RedBlackTreeMapSync<K, V>;

/// Vectors of chunks.
type Vectors = Table<ChunkId, Arc<[f32]>>;

/// Everything that is stored. Cloning costs one pointer per table.
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) installation: Installation,
    pub(crate) tenants: Table<TenantId, Tenant>,
    pub(crate) users: Table<UserId, User>,
    pub(crate) roles: Table<RoleId, Role>,
    pub(crate) user_roles: Table<UserRoleId, UserRole>,
    pub(crate) sessions: Table<SessionId, Session>,
    pub(crate) refresh_tokens: Table<RefreshTokenId, RefreshToken>,
    pub(crate) api_keys: Table<ApiKeyId, ApiKey>,
    pub(crate) conversations: Table<ConversationId, Conversation>,
    pub(crate) messages: Table<MessageId, Message>,
    /// Messages of a conversation by `seq`.
    pub(crate) message_order: Table<(ConversationId, i64), MessageId>,
    /// Children of a message (`None`: roots) by `seq`, deleted ones included.
    pub(crate) children: Table<(ConversationId, Option<MessageId>, i64), MessageId>,
    pub(crate) streams: Table<StreamId, Stream>,
    pub(crate) running_streams: RedBlackTreeSetSync<StreamId>,
    pub(crate) stream_events: Table<(StreamId, i64), StreamEvent>,
    pub(crate) collections: Table<CollectionId, Collection>,
    pub(crate) sources: Table<SourceId, Source>,
    pub(crate) source_versions: Table<SourceVersionId, SourceVersion>,
    pub(crate) chunks: Table<ChunkId, Chunk>,
    /// Chunks of a version by ordinal.
    pub(crate) chunk_order: Table<(SourceVersionId, u32), ChunkId>,
    /// Vectors of a version by model.
    pub(crate) vectors: Table<(SourceVersionId, String), Vectors>,
    /// The version that the index answers for a source.
    pub(crate) indexed: Table<SourceId, SourceVersionId>,
    /// How often the indexed chunks of a tenant hold a word.
    pub(crate) words: Table<(TenantId, String), Table<ChunkId, u32>>,
    pub(crate) retrieval_runs: Table<RetrievalRunId, (RetrievalRun, Vec<RetrievalHit>)>,
    pub(crate) citations: Table<CitationId, Citation>,
    /// Citations of a message by their number.
    pub(crate) citation_order: Table<(MessageId, u32), CitationId>,
    pub(crate) usage_logs: Table<UsageLogId, UsageLog>,
    pub(crate) usage_requests: Table<(TenantId, RequestId), UsageLogId>,
    pub(crate) provider_calls: Table<(TenantId, RequestId), ProviderCall>,
    pub(crate) prices: Table<ModelPriceId, ModelPrice>,
    pub(crate) audit_logs: Table<AuditLogId, AuditLog>,
    pub(crate) jobs: Table<JobId, Job>,
    pub(crate) idempotency: Table<(TenantId, UserId, String), IdempotencyRecord>,
}

impl State {
    /// An empty installation with these prices.
    pub(crate) fn new(prices: Vec<ModelPrice>) -> Self {
        Self {
            installation: Installation { setup_token_hash: None, set_up_at: None },
            tenants: Table::new_sync(),
            users: Table::new_sync(),
            roles: Table::new_sync(),
            user_roles: Table::new_sync(),
            sessions: Table::new_sync(),
            refresh_tokens: Table::new_sync(),
            api_keys: Table::new_sync(),
            conversations: Table::new_sync(),
            messages: Table::new_sync(),
            message_order: Table::new_sync(),
            children: Table::new_sync(),
            streams: Table::new_sync(),
            running_streams: RedBlackTreeSetSync::new_sync(),
            stream_events: Table::new_sync(),
            collections: Table::new_sync(),
            sources: Table::new_sync(),
            source_versions: Table::new_sync(),
            chunks: Table::new_sync(),
            chunk_order: Table::new_sync(),
            vectors: Table::new_sync(),
            indexed: Table::new_sync(),
            words: Table::new_sync(),
            retrieval_runs: Table::new_sync(),
            citations: Table::new_sync(),
            citation_order: Table::new_sync(),
            usage_logs: Table::new_sync(),
            usage_requests: Table::new_sync(),
            provider_calls: Table::new_sync(),
            prices: prices.into_iter().map(|price| (price.id, price)).collect(),
            audit_logs: Table::new_sync(),
            jobs: Table::new_sync(),
            idempotency: Table::new_sync(),
        }
    }

    /// Foreign key to a tenant.
    pub(crate) fn need_tenant(&self, id: TenantId) -> Result<(), StoreError> {
        self.tenants.get(&id).map(|_| ()).ok_or(StoreError::ForeignKey)
    }

    /// Foreign key to a user of the tenant; `None` refers to nobody.
    pub(crate) fn need_user(&self, tenant: TenantId, id: Option<UserId>) -> Result<(), StoreError> {
        need(id, |id| self.users.get(&id).is_some_and(|user| user.tenant_id == Some(tenant)))
    }

    /// Foreign key to a user who acts in the tenant: one of its own, or a superadmin who entered it.
    pub(crate) fn need_actor(&self, tenant: TenantId, id: Option<UserId>) -> Result<(), StoreError> {
        need(id, |id| self.users.get(&id).is_some_and(|user| user.tenant_id.is_none_or(|of| of == tenant)))
    }

    /// Foreign key to an API key of the tenant.
    pub(crate) fn need_api_key(&self, tenant: TenantId, id: Option<ApiKeyId>) -> Result<(), StoreError> {
        need(id, |id| self.api_keys.get(&id).is_some_and(|key| key.tenant_id == tenant))
    }

    /// Foreign key to a conversation of the tenant, deleted or not.
    pub(crate) fn need_conversation(&self, tenant: TenantId, id: Option<ConversationId>) -> Result<(), StoreError> {
        need(id, |id| self.conversations.get(&id).is_some_and(|conversation| conversation.tenant_id == tenant))
    }

    /// Foreign key to a message of the tenant.
    pub(crate) fn need_message(&self, tenant: TenantId, id: Option<MessageId>) -> Result<(), StoreError> {
        need(id, |id| self.messages.get(&id).is_some_and(|message| message.tenant_id == tenant))
    }

    /// Foreign key to a message of one conversation.
    pub(crate) fn need_message_of(
        &self,
        conversation: ConversationId,
        id: Option<MessageId>,
    ) -> Result<(), StoreError> {
        need(id, |id| self.messages.get(&id).is_some_and(|message| message.conversation_id == conversation))
    }

    /// Foreign key to a collection of the tenant.
    pub(crate) fn need_collection(&self, tenant: TenantId, id: Option<CollectionId>) -> Result<(), StoreError> {
        need(id, |id| self.collections.get(&id).is_some_and(|collection| collection.tenant_id == tenant))
    }

    /// Foreign key to a chunk of the tenant.
    pub(crate) fn need_chunk(&self, tenant: TenantId, id: Option<ChunkId>) -> Result<(), StoreError> {
        need(id, |id| self.chunks.get(&id).is_some_and(|chunk| chunk.tenant_id == tenant))
    }
}

/// A reference that is not there, or that `holds`.
pub(crate) fn need<I>(id: Option<I>, holds: impl FnOnce(I) -> bool) -> Result<(), StoreError> {
    if id.is_none_or(holds) { Ok(()) } else { Err(StoreError::ForeignKey) }
}
