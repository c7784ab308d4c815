//! Calls to providers that are under way. A call is recorded before its answer is known, so that
//! one whose process dies is still paid for in the ledger.

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{ApiKeyId, ConversationId, MessageId, RequestId, TenantId, UserId},
    usage::AgentType,
};

/// Seconds after which a call that nobody settled or renewed counts as abandoned.
pub const CALL_LEASE_SECONDS: i64 = 20;

/// A call under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCall {
    /// The call; the ledger's row has the same.
    pub request_id: RequestId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Who caused it.
    pub user_id: Option<UserId>,
    /// The key it came by.
    pub api_key_id: Option<ApiKeyId>,
    /// Its conversation.
    pub conversation_id: Option<ConversationId>,
    /// Its message.
    pub message_id: Option<MessageId>,
    /// What it is for.
    pub agent_type: AgentType,
    /// The provider.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// Our estimate of the tokens sent.
    pub estimated_input_tokens: u64,
    /// When the provider was called.
    pub requested_at: Timestamp,
    /// When it counts as abandoned.
    pub lease_expires_at: Timestamp,
}

protected!(ProviderCall: Usage, tenant |row| Some(row.tenant_id), owner |row| row.user_id, adding ByActor);
