//! Rows of the ledger. It is append-only: a correction is a new row that names the old one.

use serde::{Deserialize, Serialize};

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{ApiKeyId, ConversationId, MessageId, ModelPriceId, RequestId, TenantId, UsageLogId, UserId},
    money::Money,
    names::names,
};

/// Most tokens, of each kind, that the count of one call is believed for: a thousand times what the longest prompts
/// have. All rows that a ledger may ever hold still add up within 63 bits.
pub const MOST_TOKENS: u64 = 1_000_000_000;

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
    /// Those of two calls together.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_input_tokens: self.cached_input_tokens.saturating_add(other.cached_input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
        }
    }

    /// Our own estimate of a call, where the provider's last count, if it told one, is too small for what was written.
    #[must_use]
    pub fn estimated(outdated: Option<Self>, input_tokens: u64, output_tokens: u64) -> Self {
        match outdated {
            Some(told) => Self { output_tokens: output_tokens.max(told.output_tokens), ..told },
            None => Self { input_tokens, output_tokens, ..Self::default() },
        }
    }

    /// The count as a provider tells it, with its parts within the wholes; `None`: nobody can have counted so many.
    #[must_use]
    pub fn told(self) -> Option<Self> {
        let Self { input_tokens, cached_input_tokens, output_tokens, reasoning_tokens } = self;
        (input_tokens <= MOST_TOKENS && output_tokens <= MOST_TOKENS).then(|| Self {
            cached_input_tokens: cached_input_tokens.min(input_tokens),
            reasoning_tokens: reasoning_tokens.min(output_tokens),
            ..self
        })
    }

    /// Tokens read and written.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

names! {
    /// What a call was for.
    pub enum AgentType ("agent_type") {
        /// Choosing a model or a tool.
        Routing = "routing",
        /// Answering.
        Chat = "chat",
        /// Writing an artifact.
        Artifact = "artifact",
        /// Working on repositories.
        GitMcp = "git_mcp",
        /// Writing SQL.
        Text2sql = "text2sql",
        /// Transcribing.
        Transcription = "transcription",
        /// Making a picture.
        Image = "image",
        /// Embedding chunks or questions.
        Embedding = "embedding",
        /// Ranking passages again.
        Rerank = "rerank",
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

protected!(UsageLog: Usage, tenant |row| Some(row.tenant_id), owner |row| row.user_id, adding ByActor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_believed_within_reason() {
        let count = |input_tokens, output_tokens| TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() };
        assert_eq!(count(3, MOST_TOKENS).told(), Some(count(3, MOST_TOKENS)));
        assert_eq!(count(MOST_TOKENS + 1, 3).told(), None);
        assert_eq!(count(3, u64::MAX).told(), None);
        let parts = TokenUsage { cached_input_tokens: 9, reasoning_tokens: u64::MAX, ..count(3, 2) };
        assert_eq!(parts.told(), Some(TokenUsage { cached_input_tokens: 3, reasoning_tokens: 2, ..parts }));
    }
}
