//! The ledger, and calls under way.

use async_trait::async_trait;
use domain::{
    access::{Area, Reach},
    clock::Timestamp,
    ids::{ConversationId, RequestId},
    money::Money,
    store::StoreError,
    usage::{ModelPrice, ProviderCall, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageRepo},
};

use crate::{
    check::{conflict, fits_column, no_nul, no_nul_json, refuse},
    state::{State, need},
    store::MemoryTx,
};

impl State {
    fn record_call(&mut self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        let price = self.price_in_force(&call.provider, &call.model, call.requested_at);
        let tenant = call.tenant_id;
        let key = (tenant, call.request_id);
        if let Some(stored) = self.provider_calls.get_mut(&key) {
            stored.lease_expires_at = call.lease_expires_at;
            return Ok(price);
        }
        no_nul([call.provider.as_str(), &call.model])?;
        fits_column([call.estimated_input_tokens])?;
        self.need_tenant(tenant)?;
        self.need_actor(tenant, call.user_id)?;
        self.need_api_key(tenant, call.api_key_id)?;
        self.need_conversation(tenant, call.conversation_id)?;
        self.need_message(tenant, call.message_id)?;
        self.provider_calls.insert_mut(key, call.clone());
        Ok(price)
    }

    fn insert_usage(&mut self, row: &UsageLog) -> Result<bool, StoreError> {
        let tenant = row.tenant_id;
        no_nul([row.provider.as_str(), &row.model])?;
        no_nul_json([&row.metadata])?;
        let tokens = row.tokens;
        fits_column([tokens.input_tokens, tokens.cached_input_tokens, tokens.output_tokens, tokens.reasoning_tokens])?;
        fits_column(row.duration_ms)?;
        fits_column([tokens.total()])?;
        let parts = row.input_cost.zip(row.output_cost).map(|(input, output)| input.checked_add(output));
        if parts.zip(row.cost).is_some_and(|(parts, cost)| parts != Some(cost)) {
            return Err(refuse("the cost of a call is the sum of its parts"));
        }
        if self.usage_requests.contains_key(&(tenant, row.request_id)) {
            return Ok(false);
        }
        if self.usage_logs.contains_key(&row.id) {
            return Err(conflict("usage_logs_pkey"));
        }
        self.need_tenant(tenant)?;
        self.need_actor(tenant, row.user_id)?;
        self.need_api_key(tenant, row.api_key_id)?;
        self.need_conversation(tenant, row.conversation_id)?;
        self.need_message(tenant, row.message_id)?;
        need(row.price_id, |id| self.prices.contains_key(&id))?;
        need(row.corrects_id, |id| self.usage_logs.get(&id).is_some_and(|old| old.tenant_id == tenant))?;
        self.usage_requests.insert_mut((tenant, row.request_id), row.id);
        self.usage_logs.insert_mut(row.id, row.clone());
        Ok(true)
    }
}

#[async_trait]
impl UsageRepo for MemoryTx {
    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        if self.tenant()?.tenant_id != call.tenant_id {
            return Err(StoreError::OutOfScope("a call is recorded in the scope of its tenant"));
        }
        self.write(|state| state.record_call(call))
    }

    async fn forget_call(&self, request: RequestId) -> Result<(), StoreError> {
        let tenant = self.tenant()?.tenant_id;
        self.write(|state| {
            state.provider_calls.remove_mut(&(tenant, request));
            Ok(())
        })
    }

    async fn call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError> {
        let tenant = self.tenant()?.tenant_id;
        self.read(|state| Ok(state.provider_calls.get(&(tenant, request)).cloned()))
    }

    async fn abandoned_calls(&self, now: Timestamp, limit: u32) -> Result<Vec<ProviderCall>, StoreError> {
        self.need_installation()?;
        self.read(|state| {
            let abandoned = state.provider_calls.values().filter(|call| call.lease_expires_at <= now);
            let mut abandoned: Vec<ProviderCall> = abandoned.cloned().collect();
            abandoned.sort_by_key(|call| (call.lease_expires_at, call.request_id));
            abandoned.truncate(limit as usize);
            Ok(abandoned)
        })
    }

    async fn insert(&self, row: &UsageLog) -> Result<bool, StoreError> {
        if self.tenant()?.tenant_id != row.tenant_id {
            return Err(StoreError::OutOfScope("usage is written in the scope of its tenant"));
        }
        self.write(|state| state.insert_usage(row))
    }

    async fn summary(&self, filter: UsageFilter, by: UsageGrouping) -> Result<Vec<UsageGroup>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| state.usage_summary(scope, filter, by))
    }

    async fn list(&self, filter: UsageFilter, limit: u32) -> Result<Vec<UsageLog>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let mut rows: Vec<&UsageLog> = state.usage_rows(scope, filter).collect();
            rows.sort_unstable_by_key(|row| (row.requested_at, row.id));
            Ok(rows.into_iter().take(limit as usize).cloned().collect())
        })
    }

    async fn discrepancies(&self) -> Result<Vec<(ConversationId, Money)>, StoreError> {
        let scope = self.tenant()?;
        if scope.reach(Area::Usage) != Reach::Tenant {
            return Err(StoreError::OutOfScope("the books are checked by those who see the tenant's usage"));
        }
        self.read(|state| state.usage_discrepancies(scope.tenant_id))
    }
}
