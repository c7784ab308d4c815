//! The stream: the durable record of one answer being written.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    conversations::TurnEvent,
    error::ValueError,
    ids::{ApiKeyId, ConversationId, MessageId, RequestId, StreamId, TenantId, UserId},
};

/// Seconds that a stream's lease lasts unless its pump renews it. With the reconciler's interval it
/// keeps "nothing stays streaming for more than 30 s after a crash".
pub const STREAM_LEASE_SECONDS: i64 = 20;

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamState {
    /// A pump holds its lease.
    Running,
    /// Ended well.
    Completed,
    /// Ended by a failure.
    Failed,
    /// Ended by its reader.
    Stopped,
    /// Ended by a crash.
    Interrupted,
}

impl StreamState {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Interrupted => "interrupted",
        }
    }

    /// Parses the stable name.
    ///
    /// # Errors
    /// `unknown_state` for the field `state`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        [Self::Running, Self::Completed, Self::Failed, Self::Stopped, Self::Interrupted]
            .into_iter()
            .find(|state| state.as_str() == value)
            .ok_or_else(|| ValueError::new("state", "unknown_state", "is not a state of a stream"))
    }
}

/// Why a turn failed, for the client: a stable code and a sentence without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnFailure {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
}

/// The durable record of one answer being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its conversation.
    pub conversation_id: ConversationId,
    /// The answer.
    pub message_id: MessageId,
    /// Who asked.
    pub user_id: UserId,
    /// The key it was asked by.
    pub api_key_id: Option<ApiKeyId>,
    /// The call to the provider, as the ledger will name it.
    pub request_id: RequestId,
    /// Our estimate of the tokens that the call sends; `None`: the call is not on record, and was not
    /// made.
    pub estimated_input_tokens: Option<u64>,
    /// Where it stands.
    pub state: StreamState,
    /// Raised with every change of its pump; appends under an older one change nothing.
    pub epoch: i64,
    /// End of the pump's lease.
    pub lease_expires_at: Timestamp,
    /// When its reader asked to stop.
    pub stop_requested_at: Option<Timestamp>,
    /// Number of the last event; 0 before the first.
    pub last_event: i64,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The right to append to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLease {
    /// The stream.
    pub id: StreamId,
    /// The epoch of this lease.
    pub epoch: i64,
}

/// A numbered event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamEvent {
    /// Its number, from 1.
    pub number: i64,
    /// What happened.
    pub event: TurnEvent,
    /// When.
    pub created_at: Timestamp,
}

/// A stream whose pump is gone, taken over under a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredStream {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The right to end it.
    pub lease: StreamLease,
}
