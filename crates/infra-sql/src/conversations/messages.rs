//! Stored messages. What walks the tree stands in `tree.rs`.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    conversations::{AnswerUpdate, Message, MessageRepo, MessageStatus, Sibling},
    ids::{ConversationId, MessageId},
    page::Page,
    store::StoreError,
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use super::rows::messages::{self, Entity};
use crate::{
    SqlBackend, SqlRepos,
    later::Unchanged,
    sql::{Met, Sql},
    values::column,
};

#[derive(FromQueryResult)]
struct SiblingRow {
    parent_id: Option<Uuid>,
    id: Uuid,
    seq: i64,
}

#[derive(FromQueryResult)]
struct VersionRow {
    version: Option<i32>,
}

/// The entities of rows.
pub(super) fn entities(rows: Vec<messages::Model>) -> Result<Vec<Message>, StoreError> {
    rows.into_iter().map(Message::try_from).collect()
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the message `m` is this one, living, and its conversation in reach.
    pub(super) fn message_in_reach<S>(
        &self,
        sql: Sql<S>,
        id: MessageId,
        purpose: Purpose,
    ) -> Result<Sql<Met>, StoreError> {
        let sql = self.of_tenant(sql, "m.tenant_id")?.text(" AND m.id = ").bind(id.0);
        let sql = sql.text(" AND m.deleted_at IS NULL AND ");
        self.of_conversation_in_reach(sql, "m.conversation_id", purpose)
    }

    async fn has_message(&self, id: MessageId) -> Result<bool, StoreError> {
        let sql = Sql::new("messages.has", "SELECT 1 FROM messages m WHERE ");
        self.exists(self.message_in_reach(sql, id, Purpose::Change)?).await
    }
}

#[async_trait]
impl<B: SqlBackend> MessageRepo for SqlRepos<B> {
    async fn get(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let sql = Sql::new("messages.get", "SELECT ").columns::<Entity>("m").text(" FROM messages m WHERE ");
        let row = self.row::<messages::Model>(self.message_in_reach(sql, id, Purpose::Read)?).await?;
        row.map(Message::try_from).transpose()
    }

    async fn insert(&self, messages: &[Message]) -> Result<(), StoreError> {
        let Some(first) = messages.first() else { return Ok(()) };
        self.all_of_tenant(messages.iter().map(|message| message.tenant_id))?;
        if messages.iter().any(|message| message.conversation_id != first.conversation_id) {
            return Err(StoreError::Check("messages are added to one conversation at a time".to_owned()));
        }
        let rows = messages.iter().map(messages::Model::try_from).collect::<Result<Vec<_>, _>>()?;
        let reached = |sql: Sql| self.conversation_to_add_to(sql, first.conversation_id);
        if self.insert_parts_if("messages.insert", rows, reached).await? {
            Ok(())
        } else {
            Err(self.no_conversation_to_add_to(first.conversation_id).await?)
        }
    }

    // What was said last in a conversation is most often the end of one branch: it is read in one piece, and only
    // what is above its other branches is walked.
    async fn branch(&self, last: MessageId, limit: u32) -> Result<Vec<Message>, StoreError> {
        let latest: Vec<messages::Model> = self.rows(self.latest_query(last, limit)?).await?;
        let is_all = latest.len() < limit as usize;
        let (mut branch, mut above) = (Vec::new(), Some(last.0));
        for row in latest {
            if above == Some(row.id) {
                above = row.parent_id;
                branch.push(row);
            }
        }
        let left = limit.saturating_sub(u32::try_from(branch.len()).unwrap_or(u32::MAX));
        let mut rows = match above {
            Some(above) if !is_all && left > 0 => self.rows(self.branch_query(above.into(), left)?).await?,
            _ => Vec::new(),
        };
        rows.extend(branch.into_iter().rev());
        entities(rows)
    }

    async fn tree(
        &self,
        conversation: ConversationId,
        after_seq: i64,
        limit: u32,
    ) -> Result<Page<Message, i64>, StoreError> {
        let sql = Sql::new("messages.tree", "SELECT ").columns::<Entity>("m").text(" FROM messages m WHERE ");
        let sql = self.of_tenant(sql, "m.tenant_id")?.text(" AND m.conversation_id = ").bind(conversation.0);
        let sql = sql.text(" AND m.deleted_at IS NULL AND ");
        let sql = self
            .of_conversation_in_reach(sql, "m.conversation_id", Purpose::Read)?
            .text(" AND m.seq > ")
            .bind(after_seq)
            .text(" ORDER BY m.seq LIMIT ")
            .bind(i64::from(limit) + 1);
        Ok(Page::from_rows(entities(self.rows(sql).await?)?, limit, |message| message.seq))
    }

    async fn siblings(
        &self,
        conversation: ConversationId,
        parents: &[Option<MessageId>],
    ) -> Result<Vec<Sibling>, StoreError> {
        const COLUMNS: &str = "SELECT m.parent_id, m.id, m.seq FROM messages m WHERE m.tenant_id = ";
        let tenant = self.tenant()?.tenant_id.0;
        let reached = |sql: Sql| {
            let sql = sql.text(" AND m.deleted_at IS NULL AND EXISTS (SELECT 1 FROM conversations c WHERE c.id = ");
            let sql = self.conversation_in_reach(sql.bind(conversation.0).text(" AND "), Purpose::Read)?;
            Ok::<_, StoreError>(sql.text(")"))
        };
        // Few messages are a second version, and these have an index of their own.
        let second = |sql: Sql| {
            sql.bind(tenant).text(" AND v.conversation_id = ").bind(conversation.0).text(" AND v.version > 1")
        };
        let sql = Sql::new("messages.siblings", COLUMNS).bind(tenant).text(" AND m.parent_id IN (SELECT v.parent_id");
        let sql = second(sql.text(" FROM messages v WHERE v.tenant_id = ")).text(" AND v.parent_id IN ");
        let sql = sql.bind_list(parents.iter().flatten().map(|id| id.0)).text(") AND m.parent_id IN ");
        let mut sql = reached(sql.bind_list(parents.iter().flatten().map(|id| id.0)))?;
        if parents.contains(&None) {
            let roots = Sql::part(COLUMNS).bind(tenant).text(" AND m.conversation_id = ").bind(conversation.0);
            let roots =
                roots.text(" AND m.parent_id IS NULL AND EXISTS (SELECT 1 FROM messages v WHERE v.tenant_id = ");
            let roots = reached(second(roots).text(" AND v.parent_id IS NULL)"))?;
            sql = sql.text(" UNION ALL ").append(roots);
        }
        // Put in order here: asked for it, SQLite reads the roots of all conversations in that order.
        let mut rows = self.rows::<SiblingRow>(sql).await?;
        rows.sort_by_key(|row| row.seq);
        Ok(rows
            .into_iter()
            .map(|row| Sibling { parent_id: row.parent_id.map(Into::into), id: row.id.into() })
            .collect())
    }

    async fn next_version(&self, conversation: ConversationId, parent: Option<MessageId>) -> Result<i32, StoreError> {
        let sql = Sql::new("messages.next_version", "SELECT (SELECT MAX(m.version) FROM messages m")
            .text(" WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id AND m.parent_id");
        let sql = match parent {
            Some(parent) => sql.text(" = ").bind(parent.0),
            None => sql.text(" IS NULL"),
        };
        let sql = sql.text(") AS version FROM conversations c WHERE c.id = ").bind(conversation.0).text(" AND ");
        let row = self.row(self.conversation_in_reach(sql, Purpose::Read)?).await?;
        let VersionRow { version } = row.ok_or(StoreError::Stale)?;
        version
            .unwrap_or(0)
            .checked_add(1)
            .ok_or_else(|| StoreError::Check("a message has too many siblings".to_owned()))
    }

    async fn set_active_child(&self, parent: MessageId, child: MessageId) -> Result<(), StoreError> {
        let sql = Sql::new("messages.set_active_child", "UPDATE messages AS m SET active_child_id = ")
            .bind(child.0)
            .text(", updated_at = ")
            .bind(self.now())
            .text(" WHERE ");
        self.command_later(self.message_in_reach(sql, parent, Purpose::Change)?, Unchanged::Stale).await
    }

    async fn activate_path(&self, id: MessageId) -> Result<(), StoreError> {
        if self.execute(self.activate_path_command(id)?).await? > 0 || self.has_message(id).await? {
            Ok(())
        } else {
            Err(StoreError::Stale)
        }
    }

    async fn leaf(&self, id: MessageId) -> Result<MessageId, StoreError> {
        self.id(self.leaf_query(id)?).await?.map(Into::into).ok_or(StoreError::Stale)
    }

    async fn update_answer(&self, id: MessageId, update: &AnswerUpdate) -> Result<(), StoreError> {
        let AnswerUpdate { status, parts, tokens, cost, finish_reason, error, at } = update.clone();
        let input: Option<i64> = tokens.map(|tokens| column(tokens.input_tokens)).transpose()?;
        let output: Option<i64> = tokens.map(|tokens| column(tokens.output_tokens)).transpose()?;
        let sql = Sql::new("messages.update_answer", "UPDATE messages AS m SET status = ")
            .bind(status.as_str())
            .text(", parts = ")
            .bind(parts.to_stored())
            .text(", input_tokens = ")
            .bind(input)
            .text(", output_tokens = ")
            .bind(output)
            .text(", cost_nano_usd = ")
            .bind(cost.map(|cost| cost.0))
            .text(", finish_reason = ")
            .bind(finish_reason)
            .text(", error = ")
            .bind(error)
            .text(", updated_at = ")
            .bind(at)
            .text(" WHERE ");
        let before: Vec<&str> = MessageStatus::ALL
            .into_iter()
            .filter(|before| before.may_become(status))
            .map(MessageStatus::as_str)
            .collect();
        let sql = self.message_in_reach(sql, id, Purpose::Change)?.text(" AND m.status IN ").bind_list(before);
        let found = Sql::new("messages.has", "SELECT 1 FROM messages m WHERE ");
        let found = self.message_in_reach(found, id, Purpose::Change)?;
        self.command_later(sql, Unchanged::NotAllowed(found, "messages_status_step")).await
    }
}
