//! The audit log.

use async_trait::async_trait;
use domain::{
    admin::{AuditLog, AuditRepo},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{
    check::{conflict, no_nul, no_nul_json},
    page::newest_first,
    store::MemoryTx,
};

#[async_trait]
impl AuditRepo for MemoryTx {
    async fn insert(&self, row: &AuditLog) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        if row.tenant_id != self.scope.tenant_id() {
            return Err(StoreError::OutOfScope("an act is written down in the scope of its tenant"));
        }
        self.write(|state| {
            no_nul([row.action.as_str(), &row.entity_type])?;
            no_nul(row.user_agent.as_deref())?;
            no_nul_json(row.changes.iter())?;
            if state.audit_logs.contains_key(&row.id) {
                return Err(conflict("audit_logs_pkey"));
            }
            if let Some(tenant) = row.tenant_id {
                state.need_tenant(tenant)?;
                state.need_actor(tenant, row.user_id)?;
            }
            state.audit_logs.insert_mut(row.id, row.clone());
            Ok(())
        })
    }

    async fn list(&self, page: PageRequest) -> Result<Page<AuditLog>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| {
            let rows = state.audit_logs.values().filter(|row| row.tenant_id == self.scope.tenant_id());
            Ok(newest_first(rows, page, |row| Cursor { at: row.created_at, id: row.id.0 }))
        })
    }
}
