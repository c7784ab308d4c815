//! The stored audit log.

use async_trait::async_trait;
use domain::{
    admin::{AuditLog, AuditRepo},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use super::rows::audit_logs;
use crate::{SqlBackend, SqlRepos, page::page as keyset, sql::Sql};

#[async_trait]
impl<B: SqlBackend> AuditRepo for SqlRepos<B> {
    async fn insert(&self, row: &AuditLog) -> Result<(), StoreError> {
        self.own_tenant_or_none(row.tenant_id)?;
        self.add_later(vec![audit_logs::Model::from(row)]).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<AuditLog>, StoreError> {
        let sql = Sql::new("SELECT ").columns::<audit_logs::Entity>("a").text(" FROM audit_logs a WHERE a.tenant_id");
        let sql = match self.tenant_or_installation()? {
            Some(tenant) => sql.text(" = ").bind(tenant.0),
            None => sql.text(" IS NULL"),
        };
        let rows = self.rows::<audit_logs::Model>(keyset(sql, "a", page)).await?;
        let logs = rows.into_iter().map(AuditLog::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_rows(logs, page.limit, |log: &AuditLog| Cursor { at: log.created_at, id: log.id.0 }))
    }
}
