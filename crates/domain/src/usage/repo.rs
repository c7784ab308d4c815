//! Ports to the ledger and the prices.

use chrono::NaiveDate;

use crate::{
    clock::Timestamp,
    ids::{ConversationId, RequestId, TenantId},
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

    /// What is left without the other, or `None` where that is not part of it.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Some(Self {
            requests: self.requests.checked_sub(other.requests)?,
            input_tokens: self.input_tokens.checked_sub(other.input_tokens)?,
            output_tokens: self.output_tokens.checked_sub(other.output_tokens)?,
            cost: self.cost.checked_sub(other.cost)?,
            unknown_costs: self.unknown_costs.checked_sub(other.unknown_costs)?,
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
        /// Tenants with rows requested before a time that are not folded, or with late ones, at most `limit`,
        /// those first that are folded least far; in an installation scope.
        async fn unfolded_tenants(&self, before: Timestamp, limit: u32) -> Result<Vec<TenantId>, StoreError>;
        /// From the commit on, rows of the tenant that are added and were requested before this time are noted
        /// as late; a time before one that was closed already changes nothing. See [`daily`](crate::usage::daily).
        ///
        /// # Errors
        /// As [`discrepancies`](Self::discrepancies).
        async fn close(&self, before: Timestamp) -> Result<(), StoreError>;
        /// Adds up one day anew: the first with late rows, else the next that is not folded, as far as
        /// `before`, which is closed. Returns whether there is more to do. Only
        /// [`Store::fold_usage`](crate::store::Store::fold_usage), which has waited for others, may call it.
        ///
        /// # Errors
        /// As [`discrepancies`](Self::discrepancies); [`StoreError::Stale`] where `before` is not closed.
        async fn fold(&self, before: Timestamp) -> Result<bool, StoreError>;
        /// Adds up a folded day anew, whatever its kept sums say; what is not folded is left alone.
        ///
        /// # Errors
        /// As [`discrepancies`](Self::discrepancies).
        async fn refold(&self, day: NaiveDate) -> Result<(), StoreError>;
        /// Days of the tenant whose kept sums differ from those of their folded rows, in any group, with the
        /// difference of cost (kept sums less rows), oldest first. Empty when the sums are right.
        ///
        /// # Errors
        /// As [`discrepancies`](Self::discrepancies).
        async fn wrong_days(&self) -> Result<Vec<(NaiveDate, Money)>, StoreError>;
        /// The time before which the tenant's rows are folded.
        ///
        /// # Errors
        /// As [`discrepancies`](Self::discrepancies).
        async fn folded_before(&self) -> Result<Option<Timestamp>, StoreError>;
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
