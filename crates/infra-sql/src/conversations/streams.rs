//! Stored streams and their events.

use async_trait::async_trait;
use domain::{
    access::{Purpose, Rows},
    clock::Timestamp,
    conversations::{
        Conversation, ExpiredStream, MostRunning, Stream, StreamEvent, StreamLease, StreamRepo, StreamState,
    },
    ids::{ConversationId, StreamId},
    store::StoreError,
};
use sea_orm::{FromQueryResult, prelude::Uuid};

use super::rows::{conversations, stream_events, streams};
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
    values::column,
};

#[derive(FromQueryResult)]
struct StopRow {
    stop_requested_at: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct ExpiredRow {
    tenant_id: Uuid,
    id: Uuid,
    epoch: i64,
}

impl<B: SqlBackend> SqlRepos<B> {
    fn streams_in_reach(&self, name: &'static str) -> Result<Sql<Met>, StoreError> {
        let sql = Sql::new(name, "SELECT ").columns::<streams::Entity>("s").text(" FROM streams s WHERE ");
        let sql = self.of_tenant(sql, "s.tenant_id")?.text(" AND ");
        self.of_conversation_in_reach(sql, "s.conversation_id", Purpose::Read)
    }

    /// Begins a command on the running stream of this lease. The lease is the right to the stream; the
    /// conversation must be in reach, deleted or not.
    fn where_leased(&self, sql: Sql, lease: StreamLease) -> Result<Sql<Met>, StoreError> {
        let StreamLease { id, epoch } = lease;
        let scope = self.tenant()?;
        let sql = sql.text(" WHERE ").of_tenant("tenant_id", scope).text(" AND id = ").bind(id.0);
        let sql = sql.text(" AND state = 'running' AND epoch = ").bind(epoch);
        if scope.rows::<Conversation>(Purpose::Change) == Rows::All {
            return Ok(sql);
        }
        let sql = sql.text(" AND EXISTS (SELECT 1 FROM conversations c WHERE c.id = streams.conversation_id AND ");
        Ok(self.in_reach::<conversations::Entity, _>(sql, "c", Purpose::Change)?.text(")"))
    }

    async fn add_events(&self, id: StreamId, events: &[StreamEvent]) -> Result<(), StoreError> {
        let tenant = self.tenant()?.tenant_id;
        let row = |event| stream_events::Model::new(tenant, id, event);
        let rows = events.iter().map(row).collect::<Result<_, _>>()?;
        self.insert_parts_later("streams.insert_events", rows).await
    }
}

/// Adds the number of the last event, if there is any.
fn set_last_event(sql: Sql, events: &[StreamEvent]) -> Sql {
    match events.last() {
        Some(last) => sql.text(", last_event = ").bind(last.number),
        None => sql,
    }
}

#[async_trait]
impl<B: SqlBackend> StreamRepo for SqlRepos<B> {
    async fn get(&self, id: StreamId) -> Result<Option<Stream>, StoreError> {
        let sql = self.streams_in_reach("streams.get")?.text(" AND s.id = ").bind(id.0);
        self.row::<streams::Model>(sql).await?.map(Stream::try_from).transpose()
    }

    async fn running(&self, conversation: ConversationId) -> Result<Vec<Stream>, StoreError> {
        let sql = self
            .streams_in_reach("streams.running")?
            .text(" AND s.conversation_id = ")
            .bind(conversation.0)
            .text(" AND s.state = 'running' ORDER BY s.created_at, s.id");
        self.rows::<streams::Model>(sql).await?.into_iter().map(Stream::try_from).collect()
    }

    async fn insert(&self, streams: &[Stream], most: MostRunning) -> Result<bool, StoreError> {
        let Some(Stream { tenant_id, conversation_id, user_id, .. }) = streams.first() else { return Ok(true) };
        self.all_of_tenant(streams.iter().map(|stream| stream.tenant_id))?;
        let rows = streams.iter().map(streams::Model::try_from).collect::<Result<Vec<_>, _>>()?;
        let few = |sql: Sql| {
            let sql = sql
                .text("(SELECT COUNT(*) FROM streams WHERE state = 'running' AND tenant_id = ")
                .bind(tenant_id.0)
                .text(" AND conversation_id = ")
                .bind(conversation_id.0);
            let sql = sql.text(") < ").bind(column::<_, i64>(most.in_conversation)?).text(" AND ");
            let sql = self.running_streams_of_user(sql, *tenant_id, *user_id);
            let sql = sql.text(" < ").bind(column::<_, i64>(most.of_user)?).text(" AND ");
            self.conversation_to_add_to(sql, *conversation_id)
        };
        if self.insert_parts_if("streams.insert", rows, few).await? {
            return Ok(true);
        }
        let sql = Sql::new("conversations.has", "SELECT 1 WHERE ");
        if self.exists(self.conversation_to_add_to(sql, *conversation_id)?).await? {
            Ok(false)
        } else {
            Err(self.no_conversation_to_add_to(*conversation_id).await?)
        }
    }

    async fn record_call(&self, lease: StreamLease, estimated_input_tokens: u64) -> Result<(), StoreError> {
        let sql = Sql::new("streams.record_call", "UPDATE streams SET estimated_input_tokens = ")
            .bind(column::<_, i64>(estimated_input_tokens)?)
            .text(", updated_at = ")
            .bind(self.now());
        self.command(self.where_leased(sql, lease)?).await
    }

    async fn append(
        &self,
        lease: StreamLease,
        events: &[StreamEvent],
        lease_expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = Sql::new("streams.append", "UPDATE streams SET lease_expires_at = ")
            .bind(lease_expires_at)
            .text(", updated_at = ")
            .bind(self.now())
            .then(|sql| set_last_event(sql, events));
        let sql = self.where_leased(sql, lease)?.text(" RETURNING stop_requested_at");
        let StopRow { stop_requested_at } = self.returning(sql).await?.pop().ok_or(StoreError::Stale)?;
        self.add_events(lease.id, events).await?;
        Ok(stop_requested_at.is_some())
    }

    async fn finish(
        &self,
        lease: StreamLease,
        state: StreamState,
        events: &[StreamEvent],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if state == StreamState::Running {
            return Err(StoreError::Check("a stream does not end as running".to_owned()));
        }
        let sql = Sql::new("streams.finish", "UPDATE streams SET state = ")
            .bind(state.as_str())
            .text(", ended_at = ")
            .bind(at)
            .text(", updated_at = ")
            .bind(at)
            .then(|sql| set_last_event(sql, events));
        self.command(self.where_leased(sql, lease)?).await?;
        self.add_events(lease.id, events).await
    }

    async fn request_stop(&self, id: StreamId, at: Timestamp) -> Result<bool, StoreError> {
        let sql = Sql::new(
            "streams.request_stop",
            "UPDATE streams AS s SET stop_requested_at = COALESCE(s.stop_requested_at, ",
        )
        .bind(at)
        .text("), updated_at = ")
        .bind(at)
        .text(" WHERE ");
        let sql =
            self.of_tenant(sql, "s.tenant_id")?.text(" AND s.id = ").bind(id.0).text(" AND s.state = 'running' AND ");
        Ok(self.execute(self.of_conversation_in_reach(sql, "s.conversation_id", Purpose::Change)?).await? > 0)
    }

    async fn events(&self, id: StreamId, after: i64, limit: u32) -> Result<Vec<StreamEvent>, StoreError> {
        let sql = Sql::new("streams.events", "SELECT ")
            .columns::<stream_events::Entity>("e")
            .text(" FROM streams s JOIN stream_events e ON e.tenant_id = s.tenant_id AND e.stream_id = s.id WHERE ");
        let sql = self.of_tenant(sql, "s.tenant_id")?.text(" AND s.id = ").bind(id.0).text(" AND ");
        let sql = self
            .of_conversation_in_reach(sql, "s.conversation_id", Purpose::Read)?
            .text(" AND e.number > ")
            .bind(after)
            .text(" ORDER BY e.number LIMIT ")
            .bind(i64::from(limit));
        self.rows::<stream_events::Model>(sql).await?.into_iter().map(StreamEvent::try_from).collect()
    }

    async fn take_expired(
        &self,
        now: Timestamp,
        lease_expires_at: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpiredStream>, StoreError> {
        let sql = Sql::new(
            "streams.take_expired",
            "WITH due AS MATERIALIZED (SELECT tenant_id AS due_tenant, id AS due_id FROM streams",
        )
        .text(" WHERE state = 'running' AND lease_expires_at <= ")
        .bind(now)
        .text(" ORDER BY lease_expires_at, id LIMIT ")
        .bind(i64::from(limit));
        let sql = self
            .for_update_skipping_locked(sql)
            .text(") UPDATE streams AS s SET epoch = s.epoch + 1, lease_expires_at = ")
            .bind(lease_expires_at)
            .text(", updated_at = ")
            .bind(now)
            .text(" FROM due WHERE s.tenant_id = due_tenant AND s.id = due_id RETURNING tenant_id, id, epoch");
        let rows = self.returning(self.across_tenants(sql)?).await?;
        let expired = |ExpiredRow { tenant_id, id, epoch }| ExpiredStream {
            tenant_id: tenant_id.into(),
            lease: StreamLease { id: id.into(), epoch },
        };
        Ok(rows.into_iter().map(expired).collect())
    }
}
