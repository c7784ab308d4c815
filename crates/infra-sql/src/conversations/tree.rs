//! Walks through the tree of messages: each costs what it passes, not what the tree holds.

use domain::{access::Purpose, ids::MessageId, store::StoreError};

use super::rows::messages;
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

impl<B: SqlBackend> SqlRepos<B> {
    /// The living message `last` and those that were said before it in its conversation, newest first, at most
    /// `limit`: by one index, in its order.
    pub(super) fn latest_query(&self, last: MessageId, limit: u32) -> Result<Sql<Met>, StoreError> {
        let sql =
            Sql::new("messages.latest", "SELECT ").columns::<messages::Entity>("m").text(" FROM messages m WHERE ");
        let sql = self.of_tenant(sql, "m.tenant_id")?.text(" AND m.conversation_id = (SELECT m.conversation_id");
        let sql = self.message_in_reach(sql.text(" FROM messages m WHERE "), last, Purpose::Read)?;
        Ok(sql
            .text(") AND m.seq <= (SELECT m.seq FROM messages m WHERE m.tenant_id = ")
            .bind(self.tenant()?.tenant_id.0)
            .text(" AND m.id = ")
            .bind(last.0)
            .text(") AND m.deleted_at IS NULL ORDER BY m.seq DESC LIMIT ")
            .bind(i64::from(limit)))
    }

    /// At most `limit` messages from the living message `last` upwards, root first. The walk takes ids alone: whole
    /// rows would be copied at each step. Its rows are found by these; CROSS has SQLite begin with the walk, and not
    /// with all messages of the tenant.
    pub(super) fn branch_query(&self, last: MessageId, limit: u32) -> Result<Sql<Met>, StoreError> {
        let tenant = self.tenant()?.tenant_id.0;
        let sql = Sql::new("messages.branch", "WITH RECURSIVE p AS (SELECT 1 AS depth, m.id, m.parent_id");
        Ok(self
            .message_in_reach(sql.text(" FROM messages m WHERE "), last, Purpose::Read)?
            .text(" UNION ALL SELECT p.depth + 1, m.id, m.parent_id FROM p JOIN messages m ON m.tenant_id = ")
            .bind(tenant)
            .text(" AND m.id = p.parent_id WHERE m.deleted_at IS NULL AND p.depth < ")
            .bind(i64::from(limit))
            .text(") SELECT ")
            .columns::<messages::Entity>("m")
            .text(" FROM p CROSS JOIN messages m WHERE m.tenant_id = ")
            .bind(tenant)
            .text(" AND m.id = p.id ORDER BY p.depth DESC LIMIT ")
            .bind(i64::from(limit)))
    }

    /// Makes every message above `id` point to the next one towards it, where it does not yet.
    pub(super) fn activate_path_command(&self, id: MessageId) -> Result<Sql<Met>, StoreError> {
        let tenant = self.tenant()?.tenant_id.0;
        let sql =
            Sql::new("messages.activate_path", "WITH RECURSIVE p AS (SELECT m.id, m.parent_id FROM messages m WHERE ");
        Ok(self
            .message_in_reach(sql, id, Purpose::Change)?
            .text(" UNION ALL SELECT m.id, m.parent_id FROM p JOIN messages m ON m.tenant_id = ")
            .bind(tenant)
            .text(" AND m.id = p.parent_id) UPDATE messages AS m SET active_child_id = p.id, updated_at = ")
            .bind(self.now())
            .text(" FROM p WHERE m.tenant_id = ")
            .bind(tenant)
            .text(" AND m.id = p.parent_id AND (m.active_child_id IS NULL OR m.active_child_id <> p.id)"))
    }

    /// The leaf below `id`: by the active child, else by the newest living one. The next step is a
    /// column of the walk: as a condition of the join it made PostgreSQL scan the whole table.
    pub(super) fn leaf_query(&self, id: MessageId) -> Result<Sql<Met>, StoreError> {
        let tenant = self.tenant()?.tenant_id.0;
        let step = || {
            Sql::part("COALESCE((SELECT a.id FROM messages a WHERE a.tenant_id = ")
                .bind(tenant)
                .text(" AND a.id = m.active_child_id AND a.deleted_at IS NULL), (SELECT n.id FROM messages n")
                .text(" WHERE n.tenant_id = ")
                .bind(tenant)
                .text(" AND n.conversation_id = m.conversation_id AND n.parent_id = m.id AND n.deleted_at IS NULL")
                .text(" ORDER BY n.seq DESC LIMIT 1)) AS next_id FROM ")
        };
        let sql = Sql::new("messages.leaf", "WITH RECURSIVE p AS (SELECT 1 AS depth, m.id, ")
            .append(step())
            .text("messages m WHERE ");
        Ok(self
            .message_in_reach(sql, id, Purpose::Read)?
            .text(" UNION ALL SELECT p.depth + 1, m.id, ")
            .append(step())
            .text("p JOIN messages m ON m.tenant_id = ")
            .bind(tenant)
            .text(" AND m.id = p.next_id) SELECT id FROM p ORDER BY depth DESC LIMIT 1"))
    }
}
