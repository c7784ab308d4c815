//! Ports to stored conversations. Messages, streams and their events are parts of a conversation.
//! Deleted conversations and messages are as if they did not exist, unless said otherwise.

use crate::{
    clock::Timestamp,
    conversations::{
        Conversation, ExpiredStream, Message, MessageStatus, Origin, Parts, Stream, StreamEvent, StreamLease,
        StreamState,
    },
    ids::{ConversationId, MessageId, StreamId},
    money::Money,
    page::{Page, PageRequest},
    store::{StoreError, repository},
    usage::{TokenUsage, UsageTotals},
};

/// Which conversations are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConversationFilter {
    /// Also public ones of others, or (for those who see the tenant) all. Otherwise the user's own.
    pub include_others: bool,
    /// Only of this origin; `None`: all but `openai`.
    pub origin: Option<Origin>,
    /// Also archived ones.
    pub include_archived: bool,
    /// Only those whose title holds this text, without regard to ASCII case.
    pub title_contains: Option<String>,
}

/// A move of a conversation's head, under its lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadMove {
    /// The new head.
    pub current_message_id: Option<MessageId>,
    /// The new version of the head.
    pub head_version: i64,
    /// The `seq` for the next message.
    pub next_seq: i64,
    /// Live messages, as counted now.
    pub message_count: i64,
    /// When.
    pub at: Timestamp,
}

repository! {
    /// Stored conversations.
    pub trait ConversationRepo {
        /// The conversation with its chosen collections, if the scope reaches it.
        async fn get(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError>;
        /// The same, to be changed (what is merely shown is not found): locked until the transaction ends,
        /// so that `seq`, head and totals are read under it.
        async fn lock(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError>;
        /// Conversations in reach, newest first.
        async fn list(&self, filter: &ConversationFilter, page: PageRequest) -> Result<Page<Conversation>, StoreError>;
        /// Adds a conversation and its chosen collections.
        async fn insert(&self, conversation: &Conversation) -> Result<(), StoreError>;
        /// Writes title, visibility, model, system prompt, `archived_at` and `deleted_at`.
        async fn update(&self, conversation: &Conversation) -> Result<(), StoreError>;
        /// Moves the head.
        async fn move_head(&self, id: ConversationId, head: &HeadMove) -> Result<(), StoreError>;
        /// Adds to the totals (atomic, no lock needed); `last_context` is set where given.
        async fn add_usage(
            &self,
            id: ConversationId,
            totals: UsageTotals,
            last_context: Option<TokenUsage>,
        ) -> Result<(), StoreError>;
    }
}

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerUpdate {
    /// The new status; only steps that [`MessageStatus::may_become`] allows.
    pub status: MessageStatus,
    /// The text so far or in the end.
    pub parts: Parts,
    /// Tokens, once settled.
    pub tokens: Option<TokenUsage>,
    /// Cost, once settled and known.
    pub cost: Option<Money>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// Why it failed.
    pub error: Option<serde_json::Value>,
    /// When.
    pub at: Timestamp,
}

impl AnswerUpdate {
    /// Makes the answer what the update says.
    pub fn apply(&self, answer: &mut Message) {
        let Self { status, parts, tokens, cost, finish_reason, error, at } = self.clone();
        answer.status = status;
        answer.parts = parts;
        answer.input_tokens = tokens.map(|tokens| tokens.input_tokens);
        answer.output_tokens = tokens.map(|tokens| tokens.output_tokens);
        answer.cost = cost;
        answer.finish_reason = finish_reason;
        answer.error = error;
        answer.updated_at = at;
    }
}

/// A living sibling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sibling {
    /// The parent of both; `None`: roots.
    pub parent_id: Option<MessageId>,
    /// The message.
    pub id: MessageId,
}

repository! {
    /// Stored messages.
    pub trait MessageRepo {
        /// The message, if the scope reaches its conversation.
        async fn get(&self, id: MessageId) -> Result<Option<Message>, StoreError>;
        /// Adds messages of one conversation, parents first. `active_child_id` may name a message of
        /// the same call.
        async fn insert(&self, messages: &[Message]) -> Result<(), StoreError>;
        /// The branch that ends in `last`, upwards: at most `limit` messages, returned root first. It
        /// costs what it returns, not what the tree holds. The page before starts at the first one's
        /// parent.
        async fn branch(&self, last: MessageId, limit: u32) -> Result<Vec<Message>, StoreError>;
        /// All live messages of a conversation by `seq`, after `after_seq`.
        async fn tree(
            &self,
            conversation: ConversationId,
            after_seq: i64,
            limit: u32,
        ) -> Result<Page<Message, i64>, StoreError>;
        /// The living messages under these parents (`None`: the roots), by `seq`, where there ever was a second
        /// version: a parent with one child that never had another is left out.
        async fn siblings(
            &self,
            conversation: ConversationId,
            parents: &[Option<MessageId>],
        ) -> Result<Vec<Sibling>, StoreError>;
        /// The ordinal that the next child of `parent` gets (deleted ones counted), from 1.
        async fn next_version(
            &self,
            conversation: ConversationId,
            parent: Option<MessageId>,
        ) -> Result<i32, StoreError>;
        /// Makes a message point to one of its children (a new child of the head: the path above it is
        /// active already).
        async fn set_active_child(&self, parent: MessageId, child: MessageId) -> Result<(), StoreError>;
        /// Makes every message between the root and `id` point to the next one towards `id`.
        async fn activate_path(&self, id: MessageId) -> Result<(), StoreError>;
        /// Follows `active_child_id`, else the live child of the greatest `seq`, down to a leaf.
        async fn leaf(&self, id: MessageId) -> Result<MessageId, StoreError>;
        /// Writes an answer; a step of its status that is not allowed is [`StoreError::Check`].
        async fn update_answer(&self, id: MessageId, update: &AnswerUpdate) -> Result<(), StoreError>;
    }
}

/// How many streams may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MostRunning {
    /// In the conversation.
    pub in_conversation: u64,
    /// Of who asks, in all conversations of the tenant: of the API key that the streams were opened with,
    /// or else of their user, less what runs for the user's keys.
    pub of_asker: u64,
}

repository! {
    /// Stored streams and their events.
    pub trait StreamRepo {
        /// The stream, if the scope reaches its conversation.
        async fn get(&self, id: StreamId) -> Result<Option<Stream>, StoreError>;
        /// The streams that run in a conversation, oldest first.
        async fn running(&self, conversation: ConversationId) -> Result<Vec<Stream>, StoreError>;
        /// Adds streams that are opened together, of one conversation, user and API key, unless as many run there
        /// as may; returns whether they were added. Of calls at the same moment no more than may add to those
        /// of who asks; the conversation's own count is exact under the conversation's lock.
        /// Whether the conversation is in reach comes before the count.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when a message has a running stream.
        async fn insert(&self, streams: &[Stream], most: MostRunning) -> Result<bool, StoreError>;
        /// Puts the call to the provider on record, with our estimate of the tokens sent.
        ///
        /// # Errors
        /// As `append`.
        async fn record_call(&self, lease: StreamLease, estimated_input_tokens: u64) -> Result<(), StoreError>;
        /// Appends events under a lease and renews it; returns whether the reader asked to stop. Their
        /// numbers go on after the last event's, without a gap. Commands under a lease ask for a scope that
        /// reaches the conversation to change it, deleted or not: the lease is the right to the stream.
        ///
        /// # Errors
        /// [`StoreError::Stale`] when the stream has ended, has another epoch, or is out of reach;
        /// [`StoreError::Conflict`] on `stream_events` when the numbers do not go on after the last event's:
        /// they may be there already.
        async fn append(
            &self,
            lease: StreamLease,
            events: &[StreamEvent],
            lease_expires_at: Timestamp,
        ) -> Result<bool, StoreError>;
        /// Ends a stream under a lease, with its last events.
        ///
        /// # Errors
        /// As `append`.
        async fn finish(
            &self,
            lease: StreamLease,
            state: StreamState,
            events: &[StreamEvent],
            at: Timestamp,
        ) -> Result<(), StoreError>;
        /// The same with all its events, from the first one on, in place of those that were appended: what is
        /// kept of an answer is not in as many pieces as it was flushed in.
        ///
        /// # Errors
        /// [`StoreError::Stale`] as `append`.
        async fn finish_whole(
            &self,
            lease: StreamLease,
            state: StreamState,
            events: &[StreamEvent],
            at: Timestamp,
        ) -> Result<(), StoreError>;
        /// Asks a running stream to stop; returns whether it was running, and in reach.
        async fn request_stop(&self, id: StreamId, at: Timestamp) -> Result<bool, StoreError>;
        /// Events after a number, in order, at most `limit`.
        async fn events(&self, id: StreamId, after: i64, limit: u32) -> Result<Vec<StreamEvent>, StoreError>;
        /// Removes the events of streams that ended before a time, of at most `limit` streams, in an
        /// installation scope; returns of how many. The streams stay.
        async fn remove_events(&self, ended_before: Timestamp, limit: u32) -> Result<u64, StoreError>;
        /// Takes over streams whose lease has run out, at most `limit`, in an installation scope: each
        /// gets a new epoch and a lease to `lease_expires_at`.
        async fn take_expired(
            &self,
            now: Timestamp,
            lease_expires_at: Timestamp,
            limit: u32,
        ) -> Result<Vec<ExpiredStream>, StoreError>;
    }
}
