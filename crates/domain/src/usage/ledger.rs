//! Rows of the ledger. It is append-only: a correction is a new row that names the old one.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::ValueError,
    ids::{ApiKeyId, ConversationId, MessageId, ModelPriceId, RequestId, TenantId, UsageLogId, UserId},
    money::Money,
};

/// Tokens of one call, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Tokens read, cached ones included.
    pub input_tokens: u64,
    /// Those of them that the provider had in its cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Tokens written, reasoning included.
    pub output_tokens: u64,
    /// Those of them spent on reasoning.
    #[serde(default)]
    pub reasoning_tokens: u64,
}

impl TokenUsage {
    /// Tokens read and written.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// What a call was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentType {
    /// Choosing a model or a tool.
    Routing,
    /// Answering.
    Chat,
    /// Writing an artifact.
    Artifact,
    /// Working on repositories.
    GitMcp,
    /// Writing SQL.
    Text2sql,
    /// Transcribing.
    Transcription,
    /// Making a picture.
    Image,
    /// Embedding chunks or questions.
    Embedding,
    /// Ranking passages again.
    Rerank,
}

impl AgentType {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Routing,
        Self::Chat,
        Self::Artifact,
        Self::GitMcp,
        Self::Text2sql,
        Self::Transcription,
        Self::Image,
        Self::Embedding,
        Self::Rerank,
    ];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::Chat => "chat",
            Self::Artifact => "artifact",
            Self::GitMcp => "git_mcp",
            Self::Text2sql => "text2sql",
            Self::Transcription => "transcription",
            Self::Image => "image",
            Self::Embedding => "embedding",
            Self::Rerank => "rerank",
        }
    }

    /// Parses the stable name.
    ///
    /// # Errors
    /// `unknown_agent_type` for the field `agent_type`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        Self::ALL
            .into_iter()
            .find(|agent| agent.as_str() == value)
            .ok_or_else(|| ValueError::new("agent_type", "unknown_agent_type", "is not a type of agent"))
    }
}

/// One call to a provider, as it is paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageLog {
    /// Its id (ordered by time).
    pub id: UsageLogId,
    /// The call; unique, so that nothing is counted twice.
    pub request_id: RequestId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Who caused it; `None` once that user is gone.
    pub user_id: Option<UserId>,
    /// The key it came by.
    pub api_key_id: Option<ApiKeyId>,
    /// Its conversation, while that exists.
    pub conversation_id: Option<ConversationId>,
    /// Its message, while that exists. `None` within a conversation: overhead, unless `message_deleted`.
    pub message_id: Option<MessageId>,
    /// The message it was for has been deleted.
    pub message_deleted: bool,
    /// What it was for.
    pub agent_type: AgentType,
    /// The provider.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// The price it was counted at.
    pub price_id: Option<ModelPriceId>,
    /// Tokens by kind.
    pub tokens: TokenUsage,
    /// Cost of what was read; `None`: unknown.
    pub input_cost: Option<Money>,
    /// Cost of what was written: the whole less the input's; `None`: unknown.
    pub output_cost: Option<Money>,
    /// Cost of the call; `None`: unknown, which is never the same as nothing.
    pub cost: Option<Money>,
    /// The count is ours, as the provider gave none.
    pub is_estimated: bool,
    /// The row that this one corrects.
    pub corrects_id: Option<UsageLogId>,
    /// When the provider was called.
    pub requested_at: Timestamp,
    /// When it had answered.
    pub responded_at: Option<Timestamp>,
    /// Between the two.
    pub duration_ms: Option<u64>,
    /// Further facts (finish reason, the provider's own ids).
    pub metadata: serde_json::Value,
}
