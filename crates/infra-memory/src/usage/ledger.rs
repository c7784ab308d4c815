//! The ledger, and calls under way.

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{
    access::{Filter, Purpose, Rows},
    clock::Timestamp,
    ids::{ConversationId, RequestId, TenantId},
    money::Money,
    store::StoreError,
    usage::{ModelPrice, ProviderCall, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageRepo},
};

use super::rows::UsageFold;
use crate::{
    store::MemoryTx,
    table::{Row, place},
};

impl MemoryTx {
    /// The tenant, all usage of which the scope reaches.
    fn need_the_books(&self) -> Result<TenantId, StoreError> {
        match self.scope.filter::<UsageLog>(Purpose::Read)? {
            Filter::Within(tenant, Rows::All) => Ok(tenant),
            _ => Err(StoreError::OutOfScope("the books are checked by those who see the tenant's usage")),
        }
    }
}

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
            state.note_late_usage(row)?;
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
        let tenant = self.need_the_books()?;
        self.read(|state| state.usage_discrepancies(Filter::Within(tenant, Rows::All)))
    }

    async fn unfolded_tenants(&self, before: Timestamp, limit: u32) -> Result<Vec<TenantId>, StoreError> {
        self.need_installation()?;
        self.read(|state| Ok(state.unfolded_tenants(before, limit)))
    }

    async fn close(&self, before: Timestamp) -> Result<(), StoreError> {
        let tenant_id = self.need_the_books()?;
        self.write(|state| match state.usage_folds.get(&tenant_id).copied() {
            None => state.insert(UsageFold { tenant_id, closed_before: before, folded_before: None }),
            Some(fold) => state.replace(UsageFold { closed_before: fold.closed_before.max(before), ..fold }),
        })
    }

    async fn fold(&self, before: Timestamp) -> Result<bool, StoreError> {
        let tenant = self.need_the_books()?;
        self.write(|state| state.fold_usage(tenant, before))
    }

    async fn refold(&self, day: NaiveDate) -> Result<(), StoreError> {
        let tenant = self.need_the_books()?;
        self.write(|state| state.refold_usage(tenant, day))
    }

    async fn wrong_days(&self) -> Result<Vec<(NaiveDate, Money)>, StoreError> {
        let tenant = self.need_the_books()?;
        self.read(|state| state.wrong_days(tenant))
    }

    async fn folded_before(&self) -> Result<Option<Timestamp>, StoreError> {
        let tenant = self.need_the_books()?;
        self.read(|state| Ok(state.usage_folds.get(&tenant).and_then(|fold| fold.folded_before)))
    }
}
