//! The audit log.

use async_trait::async_trait;
use domain::{
    admin::{AuditLog, AuditRepo},
    identity::User,
    ids::AuditLogId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::Tenant,
};

use crate::{
    check::{no_nul, no_nul_json},
    references::Reference,
    store::MemoryTx,
    table::{Row, columns},
};

impl Row for AuditLog {
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<Tenant>(&["tenant_id"]).cascades(),
        Reference::to::<User>(&["superadmin_id"]).clears(|row| row.superadmin_id = None),
        Reference::to::<User>(&["tenant_id", "user_id"]).clears(|row| row.user_id = None),
    ];
    columns!(id: AuditLogId; tenant_id, user_id, superadmin_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.action, &self.entity_type].into_iter().chain(&self.user_agent))?;
        no_nul_json(&self.changes)
    }
}

#[async_trait]
impl AuditRepo for MemoryTx {
    async fn insert(&self, row: &AuditLog) -> Result<(), StoreError> {
        self.add(row)
    }

    async fn list(&self, page: PageRequest) -> Result<Page<AuditLog>, StoreError> {
        self.page_of(page, |_| true, |row: &AuditLog| Cursor { at: row.created_at, id: row.id.0 })
    }
}
