//! Conversations, their messages and streams.

mod messages;
mod repo;
mod rows;
mod streams;
mod tree;

use domain::{
    access::{Area, Reach, TenantScope},
    store::StoreError,
};

use crate::{SqlBackend, SqlRepos, sql::Sql};

/// Adds the condition that the conversation `c` is in the scope's reach (not the tenant itself).
fn in_reach(sql: Sql, scope: &TenantScope) -> Sql {
    match (scope.reach(Area::Conversations), scope.user_id) {
        (Reach::Tenant, _) => sql.text("1 = 1"),
        (Reach::Own, Some(user)) => sql.text("c.user_id = ").bind(user.0),
        (Reach::Visible, Some(user)) => sql.text("(c.user_id = ").bind(user.0).text(" OR c.visibility = 'public')"),
        (Reach::Visible, None) => sql.text("c.visibility = 'public'"),
        (Reach::Own, None) | (Reach::Nothing, _) => sql.text("1 = 0"),
    }
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the conversation `c` is living, of the scope's tenant and in reach.
    fn conversation_in_reach(&self, sql: Sql) -> Result<Sql, StoreError> {
        let scope = self.tenant()?;
        let sql = sql.text("c.tenant_id = ").bind(scope.tenant_id.0).text(" AND c.deleted_at IS NULL AND ");
        Ok(in_reach(sql, scope))
    }

    /// Adds the condition that the conversation of a row is living and in reach.
    pub(crate) fn of_conversation_in_reach(&self, sql: Sql, conversation: &'static str) -> Result<Sql, StoreError> {
        let sql = sql.text("EXISTS (SELECT 1 FROM conversations c WHERE c.id = ").text(conversation).text(" AND ");
        Ok(self.conversation_in_reach(sql)?.text(")"))
    }
}
