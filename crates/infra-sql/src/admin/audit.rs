//! The stored audit log.

use async_trait::async_trait;
use domain::{
    admin::{AuditLog, AuditRepo},
    page::{Page, PageRequest},
    store::StoreError,
};

use super::rows::audit_logs::Entity;
use crate::{SqlBackend, SqlRepos};

#[async_trait]
impl<B: SqlBackend> AuditRepo for SqlRepos<B> {
    async fn insert(&self, row: &AuditLog) -> Result<(), StoreError> {
        self.insert_later::<Entity>("audit.insert", row).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<AuditLog>, StoreError> {
        self.page(self.reached::<Entity>("audit.list")?, page).await
    }
}
