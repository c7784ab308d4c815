//! The audit log: who changed what, written in the change's own transaction.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{AuditLogId, TenantId, UserId},
    page::{Page, PageRequest},
    store::{StoreError, repository},
};

/// A row of the audit log. `changes` holds allow-listed fields only, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLog {
    /// Its id (ordered by time).
    pub id: AuditLogId,
    /// Its tenant; `None` for acts on the installation.
    pub tenant_id: Option<TenantId>,
    /// Who of the tenant acted; `None` for background work, a superadmin, or a user that is gone.
    pub user_id: Option<UserId>,
    /// The superadmin who acted, on the installation or in a tenant that it entered.
    pub superadmin_id: Option<UserId>,
    /// What was done, in snake case: `conversation_created`, `authz_denied`.
    pub action: String,
    /// To what kind of thing: `conversation`.
    pub entity_type: String,
    /// To which.
    pub entity_id: Option<Uuid>,
    /// `{before, after}`.
    pub changes: Option<serde_json::Value>,
    /// Where the request came from.
    pub ip_address: Option<IpAddr>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// When it was done.
    pub created_at: Timestamp,
}

protected!(
    AuditLog: Administration, tenant |row| row.tenant_id, owner |row| row.user_id,
    adding ByActor, across Tenantless,
);

repository! {
    /// The audit log. Rows are added and read, never changed.
    pub trait AuditRepo {
        /// Adds a row about an act of the scope's user, or of nobody.
        async fn insert(&self, row: &AuditLog) -> Result<(), StoreError>;
        /// Rows in reach, newest first.
        async fn list(&self, page: PageRequest) -> Result<Page<AuditLog>, StoreError>;
    }
}
