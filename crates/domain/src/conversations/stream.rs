//! The stream: the durable record of one answer being written.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    conversations::TurnEvent,
    ids::{ApiKeyId, ConversationId, MessageId, RequestId, StreamId, TenantId, UserId},
    names::names,
};

/// Seconds that a stream's lease lasts unless its pump renews it. With the reconciler's interval it
/// keeps "nothing stays streaming for more than 30 s after a crash".
pub const STREAM_LEASE_SECONDS: i64 = 20;

names! {
    /// Where a stream stands.
    pub enum StreamState ("state") {
        /// A pump holds its lease.
        Running = "running",
        /// Ended well.
        Completed = "completed",
        /// Ended by a failure.
        Failed = "failed",
        /// Ended by its reader.
        Stopped = "stopped",
        /// Ended by a crash.
        Interrupted = "interrupted",
    }
}

/// Why a turn failed, for the client: a stable code and a sentence without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnFailure {
    /// The stable code.
    pub code: String,
    /// The sentence.
    pub message: String,
    /// Seconds after which it may go well, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl TurnFailure {
    /// A failure after which nobody knows how long to wait.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), retry_after: None }
    }
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
}

/// What a flush writes of one running stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamAppend {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The right to append to it.
    pub lease: StreamLease,
    /// The events behind its last one, in order and without a gap; none renews the lease alone.
    pub events: Vec<StreamEvent>,
    /// The end of its lease from now on.
    pub lease_expires_at: Timestamp,
}

/// A stream whose pump is gone, taken over under a new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpiredStream {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The right to end it.
    pub lease: StreamLease,
}
