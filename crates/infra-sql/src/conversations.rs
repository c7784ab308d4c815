//! Conversations, their messages and streams.

mod flush;
mod messages;
mod repo;
mod rows;
mod streams;
mod tree;

use std::collections::BTreeSet;

use domain::{
    access::{Purpose, Rows},
    conversations::Conversation,
    ids::ConversationId,
    store::StoreError,
};

pub use self::flush::append_by_tenant;
use self::rows::conversations;
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition that the conversation `c` is living and in reach.
    fn conversation_in_reach<S>(&self, sql: Sql<S>, purpose: Purpose) -> Result<Sql<Met>, StoreError> {
        // Content is a tenant's, whoever asks.
        self.tenant()?;
        self.in_reach::<conversations::Entity, S>(sql.text("c.deleted_at IS NULL AND "), "c", purpose)
    }

    /// Adds the condition that the conversation of a row is living and in reach. The row's own tenant is
    /// for the caller to name.
    pub(crate) fn of_conversation_in_reach<S>(
        &self,
        sql: Sql<S>,
        conversation: &'static str,
        purpose: Purpose,
    ) -> Result<Sql<Met>, StoreError> {
        let sql = sql.text("EXISTS (SELECT 1 FROM conversations c WHERE c.id = ").text(conversation).text(" AND ");
        Ok(self.conversation_in_reach(sql, purpose)?.text(")"))
    }

    /// Adds the condition that this conversation is living and in reach, for rows to be added to it.
    fn conversation_to_add_to<S>(&self, sql: Sql<S>, id: ConversationId) -> Result<Sql<Met>, StoreError> {
        let sql = sql.text("EXISTS (SELECT 1 FROM conversations c WHERE c.id = ").bind(id.0).text(" AND ");
        Ok(self.conversation_in_reach(sql, Purpose::Change)?.text(")"))
    }

    /// Refuses to add to these conversations unless each is in reach. Where the whole tenant is, the
    /// schema's references say the rest.
    pub(crate) async fn need_conversations(
        &self,
        ids: impl IntoIterator<Item = ConversationId>,
    ) -> Result<(), StoreError> {
        if self.tenant()?.rows::<Conversation>(Purpose::Change) == Rows::All {
            return Ok(());
        }
        let ids: BTreeSet<ConversationId> = ids.into_iter().collect();
        for id in ids {
            let sql = self.conversation_to_add_to(Sql::new("conversations.has", "SELECT 1 WHERE "), id)?;
            if !self.exists(sql).await? {
                return Err(self.no_conversation_to_add_to(id).await?);
            }
        }
        Ok(())
    }

    /// Why nothing could be added to a conversation: it is not there, or not in reach.
    async fn no_conversation_to_add_to(&self, id: ConversationId) -> Result<StoreError, StoreError> {
        self.not_added_to(Sql::new("conversations.has", "SELECT 1 FROM conversations WHERE id = ").bind(id.0)).await
    }
}
