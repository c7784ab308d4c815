//! The ledger.

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose, Rows},
    clock::Timestamp,
    conversations::{Conversation, Message},
    identity::{ApiKey, User},
    ids::{ConversationId, RequestId, UsageLogId},
    money::Money,
    store::StoreError,
    tenancy::Tenant,
    usage::{ModelPrice, ProviderCall, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageRepo},
};

use crate::{
    check::{fits_column, no_nul, no_nul_json, require},
    references::Reference,
    store::MemoryTx,
    table::{Key, Row, columns, place},
};

impl Row for UsageLog {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_usage_logs_request", of: |row| Some(place![row.tenant_id.0, row.request_id.0]) }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["user_id"]).clears(|row| row.user_id = None),
        Reference::to::<ModelPrice>(&["price_id"]),
        Reference::to::<ApiKey>(&["tenant_id", "api_key_id"]).clears(|row| row.api_key_id = None),
        Reference::to::<Conversation>(&["tenant_id", "conversation_id"]).clears(|row| row.conversation_id = None),
        Reference::to::<Message>(&["tenant_id", "message_id"]).clears(|row| {
            row.message_id = None;
            row.message_deleted = true;
        }),
        Reference::to::<Self>(&["tenant_id", "corrects_id"]),
    ];
    columns!(id: UsageLogId, tenant_id; user_id, api_key_id, conversation_id, message_id, price_id, corrects_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.provider, &self.model])?;
        no_nul_json([&self.metadata])?;
        let tokens = self.tokens;
        fits_column([tokens.input_tokens, tokens.cached_input_tokens, tokens.output_tokens, tokens.reasoning_tokens])?;
        fits_column(self.duration_ms.into_iter().chain([tokens.total()]))?;
        let parts = self.input_cost.zip(self.output_cost).map(|(input, output)| input.checked_add(output));
        let is_sum = parts.zip(self.cost).is_none_or(|(parts, cost)| parts == Some(cost));
        require(is_sum, "the cost of a call is the sum of its parts")
    }
}

#[async_trait]
impl UsageRepo for MemoryTx {
    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        self.put_call(call)
    }

    async fn forget_call(&self, request: RequestId) -> Result<(), StoreError> {
        self.remove_call(request)
    }

    async fn call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError> {
        self.find_call(request)
    }

    async fn abandoned_calls(&self, now: Timestamp, limit: u32) -> Result<Vec<ProviderCall>, StoreError> {
        self.find_abandoned_calls(now, limit)
    }

    async fn insert(&self, row: &UsageLog) -> Result<bool, StoreError> {
        self.scope.may_add(row)?;
        self.write(|state| {
            let place = place![row.tenant_id.0, row.request_id.0];
            if state.usage_logs.find("uq_usage_logs_request", place).is_some() {
                return row.check().map(|()| false);
            }
            state.insert(row.clone())?;
            Ok(true)
        })
    }

    async fn summary(&self, filter: UsageFilter, by: UsageGrouping) -> Result<Vec<UsageGroup>, StoreError> {
        let reach = self.scope.filter::<UsageLog>(Purpose::Read)?;
        self.read(|state| state.usage_summary(reach, filter, by))
    }

    async fn list(&self, filter: UsageFilter, limit: u32) -> Result<Vec<UsageLog>, StoreError> {
        let reach = self.scope.filter::<UsageLog>(Purpose::Read)?;
        self.read(|state| {
            let mut rows: Vec<&UsageLog> = state.usage_rows(reach, filter).collect();
            rows.sort_unstable_by_key(|row| (row.requested_at, row.id));
            Ok(rows.into_iter().take(limit as usize).cloned().collect())
        })
    }

    async fn discrepancies(&self) -> Result<Vec<(ConversationId, Money)>, StoreError> {
        let reach = self.scope.filter::<UsageLog>(Purpose::Read)?;
        if !matches!(reach, Filter::Within(_, Rows::All)) {
            return Err(StoreError::OutOfScope("the books are checked by those who see the tenant's usage"));
        }
        self.read(|state| state.usage_discrepancies(reach))
    }
}
