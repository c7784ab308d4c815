//! Ports to the ledger and the prices.

use crate::{
    clock::Timestamp,
    ids::{ConversationId, RequestId},
    money::Money,
    names::names,
    store::{StoreError, repository},
    usage::{ModelPrice, ProviderCall, UsageLog},
};

/// Which rows of the ledger are meant, within the scope's `usage` reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageFilter {
    /// Requested at or after.
    pub from: Option<Timestamp>,
    /// Requested before.
    pub to: Option<Timestamp>,
    /// Of this conversation.
    pub conversation: Option<ConversationId>,
}

names! {
    /// By what rows are summed up.
    pub enum UsageGrouping ("group") {
        /// `<provider>/<model>`.
        Model = "model",
        /// The user's id; the empty key stands for users that are gone.
        User = "user",
        /// The UTC day, `2026-11-21`.
        Day = "day",
        /// The type of agent.
        Agent = "agent",
        /// The message's id; `deleted` for deleted messages, the empty key for overhead.
        Message = "message",
    }
}

/// Exact sums over rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageTotals {
    /// Rows.
    pub requests: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Sum of the known costs.
    pub cost: Money,
    /// Rows whose cost is unknown; 0: the sum is complete.
    pub unknown_costs: u64,
}

impl UsageTotals {
    /// Both together, or `None` where the money leaves its range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Some(Self {
            requests: self.requests + other.requests,
            input_tokens: self.input_tokens + other.input_tokens,
            output_tokens: self.output_tokens + other.output_tokens,
            cost: self.cost.checked_add(other.cost)?,
            unknown_costs: self.unknown_costs + other.unknown_costs,
        })
    }
}

/// The sums of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageGroup {
    /// Its key, as [`UsageGrouping`] says.
    pub key: String,
    /// Its sums.
    pub totals: UsageTotals,
}

repository! {
    /// The ledger.
    pub trait UsageRepo {
        /// Records a call that is about to be made, or renews the lease of one, unless that is out of reach.
        /// Returns the price of its model in force when it was requested.
        async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError>;
        /// Forgets a call that is settled; one that is missing or out of reach is no error.
        async fn forget_call(&self, request: RequestId) -> Result<(), StoreError>;
        /// The call, while it is under way, if the scope reaches it.
        async fn call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError>;
        /// Calls of all tenants whose lease has run out, at most `limit`, in an installation scope.
        async fn abandoned_calls(&self, now: Timestamp, limit: u32) -> Result<Vec<ProviderCall>, StoreError>;
        /// Adds a row. One with the same `request_id` is there already: nothing happens; returns whether
        /// the row was added.
        async fn insert(&self, row: &UsageLog) -> Result<bool, StoreError>;
        /// Sums by group, by key.
        async fn summary(&self, filter: UsageFilter, by: UsageGrouping) -> Result<Vec<UsageGroup>, StoreError>;
        /// The rows themselves, oldest first, at most `limit`.
        async fn list(&self, filter: UsageFilter, limit: u32) -> Result<Vec<UsageLog>, StoreError>;
        /// Conversations of the tenant whose totals differ from the sum of their rows, with the
        /// difference of cost (totals less rows). Empty when the books are right.
        ///
        /// # Errors
        /// [`StoreError::OutOfScope`] unless the scope reaches all usage of the tenant.
        async fn discrepancies(&self) -> Result<Vec<(ConversationId, Money)>, StoreError>;
    }
}

repository! {
    /// Dated prices, the same for every tenant.
    pub trait PriceRepo {
        /// The price of a model in force at a time.
        async fn find_in_force(&self, provider: &str, model: &str, at: Timestamp)
        -> Result<Option<ModelPrice>, StoreError>;
    }
}
