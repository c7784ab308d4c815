//! Stored conversations.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{
    access::Purpose,
    conversations::{Conversation, ConversationFilter, ConversationRepo, HeadMove, Origin, RetrievalChoice},
    ids::{CollectionId, ConversationId},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    usage::{TokenUsage, UsageTotals},
};
use sea_orm::{ColumnTrait, FromQueryResult, prelude::Uuid};

use super::rows::{
    conversation_collections,
    conversations::{self, Column},
};
use crate::{
    SqlBackend, SqlRepos,
    later::Unchanged,
    page::page as keyset,
    sql::{Met, Sql},
    values::{column, to_json},
};

#[derive(FromQueryResult)]
struct ChosenRow {
    conversation_id: Uuid,
    collection_id: Uuid,
}

impl<B: SqlBackend> SqlRepos<B> {
    fn this_conversation(
        &self,
        name: &'static str,
        id: ConversationId,
        purpose: Purpose,
    ) -> Result<Sql<Met>, StoreError> {
        let sql = Sql::new(name, "SELECT ").columns::<conversations::Entity>("c");
        let sql = sql.text(" FROM conversations c WHERE c.id = ").bind(id.0).text(" AND ");
        self.conversation_in_reach(sql, purpose)
    }

    fn where_conversation(&self, sql: Sql, id: ConversationId) -> Result<Sql<Met>, StoreError> {
        self.conversation_in_reach(sql.text(" WHERE c.id = ").bind(id.0).text(" AND "), Purpose::Change)
    }

    /// The entities, with the collections of those that name any.
    async fn with_collections(&self, rows: Vec<conversations::Model>) -> Result<Vec<Conversation>, StoreError> {
        let choosing: Vec<Uuid> = rows.iter().filter(|row| row.has_collections()).map(|row| row.id).collect();
        let mut chosen: HashMap<Uuid, Vec<CollectionId>> = HashMap::new();
        if !choosing.is_empty() {
            let sql = Sql::new(
                "conversations.collections",
                "SELECT conversation_id, collection_id FROM conversation_collections WHERE ",
            );
            let sql = self
                .of_tenant(sql, "tenant_id")?
                .text(" AND conversation_id IN ")
                .bind_list(choosing)
                .text(" ORDER BY created_at, collection_id");
            for ChosenRow { conversation_id, collection_id } in self.rows(sql).await? {
                chosen.entry(conversation_id).or_default().push(collection_id.into());
            }
        }
        let entity = |row: conversations::Model| {
            let collections = chosen.remove(&row.id);
            let mut conversation = Conversation::try_from(row)?;
            if let Some(collections) = collections {
                conversation.retrieval = RetrievalChoice::Collections(collections);
            }
            Ok(conversation)
        };
        rows.into_iter().map(entity).collect()
    }

    async fn conversation(&self, sql: Sql<Met>) -> Result<Option<Conversation>, StoreError> {
        let row = self.row::<conversations::Model>(sql).await?;
        Ok(self.with_collections(row.into_iter().collect()).await?.pop())
    }
}

#[async_trait]
impl<B: SqlBackend> ConversationRepo for SqlRepos<B> {
    async fn get(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.conversation(self.this_conversation("conversations.get", id, Purpose::Read)?).await
    }

    async fn lock(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.refuse_unless_writable()?;
        let sql = self.this_conversation("conversations.lock", id, Purpose::Change)?;
        self.conversation(self.for_update(sql)).await
    }

    async fn list(&self, filter: &ConversationFilter, page: PageRequest) -> Result<Page<Conversation>, StoreError> {
        let ConversationFilter { include_others, origin, include_archived, title_contains } = filter;
        let sql = Sql::new("conversations.list", "SELECT ").columns::<conversations::Entity>("c");
        let mut sql = self.conversation_in_reach(sql.text(" FROM conversations c WHERE "), Purpose::Read)?;
        if !include_others {
            sql = sql.text(" AND c.user_id = ").bind(self.tenant()?.user_id.map(|id| id.0));
        }
        sql = match origin {
            Some(origin) => sql.text(" AND c.origin = ").bind(origin.as_str()),
            None => sql.text(" AND c.origin <> ").bind(Origin::OpenAi.as_str()),
        };
        if !include_archived {
            sql = sql.text(" AND c.archived_at IS NULL");
        }
        if let Some(text) = title_contains {
            sql = self.title_holds(sql.text(" AND "), text);
        }
        let rows = self.rows::<conversations::Model>(keyset(sql, "c", page)).await?;
        let conversations = self.with_collections(rows).await?;
        let cursor = |conversation: &Conversation| Cursor { at: conversation.created_at, id: conversation.id.0 };
        Ok(Page::from_rows(conversations, page.limit, cursor))
    }

    async fn insert(&self, conversation: &Conversation) -> Result<(), StoreError> {
        self.insert_one::<conversations::Entity>("conversations.insert", conversation).await?;
        let RetrievalChoice::Collections(collections) = &conversation.retrieval else { return Ok(()) };
        let rows = collections.iter().map(|collection| conversation_collections::Model {
            tenant_id: conversation.tenant_id.0,
            conversation_id: conversation.id.0,
            collection_id: collection.0,
            created_at: conversation.created_at,
        });
        self.insert_parts("conversations.insert_collections", rows.collect(), None).await
    }

    async fn update(&self, conversation: &Conversation) -> Result<(), StoreError> {
        let columns = [
            Column::Title,
            Column::Visibility,
            Column::Model,
            Column::SystemPrompt,
            Column::ArchivedAt,
            Column::DeletedAt,
            Column::UpdatedAt,
        ];
        let command = self
            .changing::<conversations::Entity>("conversations.update")?
            .set_from(conversations::Model::try_from(conversation)?, columns)
            .filter(Column::Id.eq(conversation.id.0))
            .filter(Column::DeletedAt.is_null());
        self.change_one(command).await
    }

    async fn move_head(&self, id: ConversationId, head: &HeadMove) -> Result<(), StoreError> {
        let HeadMove { current_message_id, head_version, next_seq, message_count, at } = *head;
        let sql = Sql::new("conversations.move_head", "UPDATE conversations AS c SET current_message_id = ")
            .bind(current_message_id.map(|id| id.0))
            .text(", head_version = ")
            .bind(head_version)
            .text(", next_seq = ")
            .bind(next_seq)
            .text(", message_count = ")
            .bind(message_count)
            .text(", updated_at = ")
            .bind(at);
        self.command_later(self.where_conversation(sql, id)?, Unchanged::Stale).await
    }

    async fn add_usage(
        &self,
        id: ConversationId,
        totals: UsageTotals,
        last_context: Option<TokenUsage>,
    ) -> Result<(), StoreError> {
        let UsageTotals { requests, input_tokens, output_tokens, cost, unknown_costs } = totals;
        let mut sql =
            Sql::new("conversations.add_usage", "UPDATE conversations AS c SET request_count = request_count + ")
                .bind(column::<_, i64>(requests)?)
                .text(", input_tokens = input_tokens + ")
                .bind(column::<_, i64>(input_tokens)?)
                .text(", output_tokens = output_tokens + ")
                .bind(column::<_, i64>(output_tokens)?)
                .text(", cost_nano_usd = cost_nano_usd + ")
                .bind(cost.0)
                .text(", unknown_cost_count = unknown_cost_count + ")
                .bind(column::<_, i64>(unknown_costs)?)
                .text(", updated_at = ")
                .bind(self.now());
        if let Some(tokens) = last_context {
            sql = sql.text(", last_context = ").bind(to_json(&tokens)?);
        }
        self.command_later(self.where_conversation(sql, id)?, Unchanged::Stale).await
    }
}
