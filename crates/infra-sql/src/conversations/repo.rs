//! Stored conversations.

use std::collections::HashMap;

use async_trait::async_trait;
use domain::{
    conversations::{Conversation, ConversationFilter, ConversationRepo, HeadMove, Origin, RetrievalChoice},
    ids::{CollectionId, ConversationId},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    usage::{TokenUsage, UsageTotals},
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use super::rows::{
    conversation_collections,
    conversations::{self, Column},
};
use crate::{
    SqlBackend, SqlRepos,
    page::page as keyset,
    sql::Sql,
    values::{column, to_json},
};

#[derive(FromQueryResult)]
struct ChosenRow {
    conversation_id: Uuid,
    collection_id: Uuid,
}

impl<B: SqlBackend> SqlRepos<B> {
    fn this_conversation(&self, id: ConversationId) -> Result<Sql, StoreError> {
        let sql = Sql::new("SELECT ").columns::<conversations::Entity>("c").text(" FROM conversations c WHERE c.id = ");
        self.conversation_in_reach(sql.bind(id.0).text(" AND "))
    }

    fn where_conversation(&self, sql: Sql, id: ConversationId) -> Result<Sql, StoreError> {
        self.conversation_in_reach(sql.text(" WHERE c.id = ").bind(id.0).text(" AND "))
    }

    /// The entities, with the collections of those that name any.
    async fn with_collections(&self, rows: Vec<conversations::Model>) -> Result<Vec<Conversation>, StoreError> {
        let choosing: Vec<Uuid> = rows.iter().filter(|row| row.has_collections()).map(|row| row.id).collect();
        let mut chosen: HashMap<Uuid, Vec<CollectionId>> = HashMap::new();
        if !choosing.is_empty() {
            let sql =
                Sql::new("SELECT conversation_id, collection_id FROM conversation_collections WHERE tenant_id = ")
                    .bind(self.tenant()?.tenant_id.0)
                    .text(" AND conversation_id IN ")
                    .bind_list(choosing)
                    .text(" ORDER BY created_at, collection_id");
            for ChosenRow { conversation_id, collection_id } in self.rows(sql).await? {
                chosen.entry(conversation_id).or_default().push(collection_id.into());
            }
        }
        rows.into_iter()
            .map(|row| {
                let collections = chosen.remove(&row.id).unwrap_or_default();
                row.into_entity(collections)
            })
            .collect()
    }

    async fn conversation(&self, sql: Sql) -> Result<Option<Conversation>, StoreError> {
        let row = self.row::<conversations::Model>(sql).await?;
        Ok(self.with_collections(row.into_iter().collect()).await?.pop())
    }
}

#[async_trait]
impl<B: SqlBackend> ConversationRepo for SqlRepos<B> {
    async fn get(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.conversation(self.this_conversation(id)?).await
    }

    async fn lock(&self, id: ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.refuse_unless_writable()?;
        self.conversation(self.for_update(self.this_conversation(id)?)).await
    }

    async fn list(&self, filter: &ConversationFilter, page: PageRequest) -> Result<Page<Conversation>, StoreError> {
        let ConversationFilter { include_others, origin, include_archived, title_contains } = filter;
        let sql = Sql::new("SELECT ").columns::<conversations::Entity>("c").text(" FROM conversations c WHERE ");
        let mut sql = self.conversation_in_reach(sql)?;
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
        self.own_tenant(conversation.tenant_id)?;
        self.add(vec![conversations::Model::try_from(conversation)?]).await?;
        let RetrievalChoice::Collections(collections) = &conversation.retrieval else { return Ok(()) };
        let rows = collections.iter().map(|collection| conversation_collections::Model {
            tenant_id: conversation.tenant_id.0,
            conversation_id: conversation.id.0,
            collection_id: collection.0,
            created_at: conversation.created_at,
        });
        self.add(rows.collect()).await
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
        let row = conversations::Model::try_from(conversation)?;
        let sql = Sql::new("UPDATE conversations AS c SET ").assign(row, &columns);
        self.command(self.where_conversation(sql, conversation.id)?).await
    }

    async fn move_head(&self, id: ConversationId, head: &HeadMove) -> Result<(), StoreError> {
        let HeadMove { current_message_id, head_version, next_seq, message_count, at } = *head;
        let sql = Sql::new("UPDATE conversations AS c SET current_message_id = ")
            .bind(current_message_id.map(|id| id.0))
            .text(", head_version = ")
            .bind(head_version)
            .text(", next_seq = ")
            .bind(next_seq)
            .text(", message_count = ")
            .bind(message_count)
            .text(", updated_at = ")
            .bind(at);
        self.command(self.where_conversation(sql, id)?).await
    }

    async fn add_usage(
        &self,
        id: ConversationId,
        totals: UsageTotals,
        last_context: Option<TokenUsage>,
    ) -> Result<(), StoreError> {
        let UsageTotals { requests, input_tokens, output_tokens, cost, unknown_costs } = totals;
        let mut sql = Sql::new("UPDATE conversations AS c SET request_count = request_count + ")
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
        self.command(self.where_conversation(sql, id)?).await
    }
}
