//! The ledger, and calls under way.

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose, Rows},
    clock::Timestamp,
    ids::{ConversationId, RequestId},
    money::Money,
    store::StoreError,
    usage::{ModelPrice, ProviderCall, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageRepo},
};

use crate::{
    store::MemoryTx,
    table::{Row, place},
};

#[async_trait]
impl UsageRepo for MemoryTx {
    async fn record_call(&self, call: &ProviderCall) -> Result<Option<ModelPrice>, StoreError> {
        self.scope.may_add(call)?;
        let filter = self.scope.filter::<ProviderCall>(Purpose::Change)?;
        self.write(|state| {
            match state.provider_calls.get(&call.id()) {
                None => state.insert(call.clone())?,
                Some(stored) if filter.admits(stored) => {
                    state.change(&call.id(), |stored: &mut ProviderCall| {
                        stored.lease_expires_at = call.lease_expires_at;
                    })?;
                }
                Some(_) => {}
            }
            Ok(state.price_in_force(&call.provider, &call.model, call.requested_at))
        })
    }

    async fn forget_call(&self, request: RequestId) -> Result<(), StoreError> {
        let filter = self.scope.filter::<ProviderCall>(Purpose::Change)?;
        let id = (self.tenant()?.tenant_id, request);
        self.write(|state| match state.reached::<ProviderCall>(filter, &id) {
            Some(_) => state.remove::<ProviderCall>(&id),
            None => Ok(()),
        })
    }

    async fn call(&self, request: RequestId) -> Result<Option<ProviderCall>, StoreError> {
        let filter = self.scope.filter::<ProviderCall>(Purpose::Read)?;
        let id = (self.tenant()?.tenant_id, request);
        self.read(|state| Ok(state.reached(filter, &id).cloned()))
    }

    async fn abandoned_calls(&self, now: Timestamp, limit: u32) -> Result<Vec<ProviderCall>, StoreError> {
        self.need_installation()?;
        self.read(|state| {
            let abandoned = state.provider_calls.iter().filter(|call| call.lease_expires_at <= now);
            let mut abandoned: Vec<ProviderCall> = abandoned.cloned().collect();
            abandoned.sort_by_key(|call| (call.lease_expires_at, call.request_id));
            abandoned.truncate(limit as usize);
            Ok(abandoned)
        })
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
