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

/// Most events of a row: whoever resumes reads whole rows.
const EVENTS_OF_ROW: usize = 1_000;

/// The condition that a stream runs, for those that are found by their id or conversation. By its state,
/// PostgreSQL finds it among all that run in the tenant: statistics of a quiet moment say that these are few.
pub(super) const RUNS: &str = "ended_at IS NULL";

#[derive(FromQueryResult)]
struct StopRow {
    stop_requested_at: Option<Timestamp>,
}

#[derive(FromQueryResult)]
struct OldRow {
    tenant_id: Uuid,
    id: Uuid,
}

#[derive(FromQueryResult)]
struct ExpiredRow {
    tenant_id: Uuid,
    id: Uuid,
    epoch: i64,
}

/// Begins the command that ends a stream.
fn ended(state: StreamState, at: Timestamp) -> Result<Sql, StoreError> {
    if state == StreamState::Running {
        return Err(StoreError::Check("a stream does not end as running".to_owned()));
    }
    let sql = Sql::new("streams.finish", "UPDATE streams SET state = ").bind(state.as_str());
    Ok(sql.text(", ended_at = ").bind(at).text(", updated_at = ").bind(at))
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
        let sql = sql.text(" AND ").text(RUNS).text(" AND epoch = ").bind(epoch);
        if scope.rows::<Conversation>(Purpose::Change) == Rows::All {
            return Ok(sql);
        }
        let sql = sql.text(" AND EXISTS (SELECT 1 FROM conversations c WHERE c.id = streams.conversation_id AND ");
        Ok(self.in_reach::<conversations::Entity, _>(sql, "c", Purpose::Change)?.text(")"))
    }

    /// Begins a command on the running stream of this lease that adds events behind its last one.
    fn where_appended(&self, sql: Sql, lease: StreamLease, events: &[StreamEvent]) -> Result<Sql<Met>, StoreError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return self.where_leased(sql, lease) };
        let sql = sql.text(", last_event = ").bind(last.number);
        Ok(self.where_leased(sql, lease)?.text(" AND last_event = ").bind(first.number - 1))
    }

    async fn add_events(&self, id: StreamId, events: &[StreamEvent]) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant()?.tenant_id, self.now());
        let row = |events| stream_events::Model::new(tenant, id, events, now).transpose();
        let rows = events.chunks(EVENTS_OF_ROW).filter_map(row).collect::<Result<_, _>>()?;
        self.insert_parts_later("streams.insert_events", rows).await
    }

    /// Why an append changed nothing: the lease is lost, or the events do not go on after the last one.
    async fn refused_append(&self, lease: StreamLease) -> Result<StoreError, StoreError> {
        let sql = self.where_leased(Sql::new("streams.is_leased", "SELECT 1 FROM streams"), lease)?;
        if !self.exists(sql).await? {
            return Ok(StoreError::Stale);
        }
        Ok(self.poison(StoreError::Conflict { constraint: "stream_events".to_owned() }))
    }

    /// Appends; `None` when nothing was changed.
    pub(super) async fn append_if_leased(
        &self,
        lease: StreamLease,
        events: &[StreamEvent],
        lease_expires_at: Timestamp,
    ) -> Result<Option<bool>, StoreError> {
        let sql = Sql::new("streams.append", "UPDATE streams SET lease_expires_at = ")
            .bind(lease_expires_at)
            .text(", updated_at = ")
            .bind(self.now());
        let sql = self.where_appended(sql, lease, events)?.text(" RETURNING stop_requested_at");
        let Some(StopRow { stop_requested_at }) = self.returning(sql).await?.pop() else { return Ok(None) };
        self.add_events(lease.id, events).await?;
        Ok(Some(stop_requested_at.is_some()))
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
            .text(" AND s.")
            .text(RUNS)
            .text(" ORDER BY s.created_at, s.id");
        self.rows::<streams::Model>(sql).await?.into_iter().map(Stream::try_from).collect()
    }

    async fn insert(&self, streams: &[Stream], most: MostRunning) -> Result<bool, StoreError> {
        let Some(Stream { tenant_id, conversation_id, user_id, api_key_id, .. }) = streams.first() else {
            return Ok(true);
        };
        self.all_of_tenant(streams.iter().map(|stream| stream.tenant_id))?;
        let rows = streams.iter().map(streams::Model::try_from).collect::<Result<Vec<_>, _>>()?;
        let few = |sql: Sql| {
            let sql = sql
                .text("(SELECT COUNT(*) FROM streams WHERE ")
                .text(RUNS)
                .text(" AND tenant_id = ")
                .bind(tenant_id.0)
                .text(" AND conversation_id = ")
                .bind(conversation_id.0);
            let sql = sql.text(") < ").bind(column::<_, i64>(most.in_conversation)?).text(" AND ");
            let most_of_asker = column::<_, i64>(most.of_asker)?;
            let sql = self.running_streams_of(sql, *tenant_id, *user_id, *api_key_id, most_of_asker);
            let sql = sql.text(" < ").bind(most_of_asker).text(" AND ");
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
        match self.append_if_leased(lease, events, lease_expires_at).await? {
            Some(stop) => Ok(stop),
            None => Err(self.refused_append(lease).await?),
        }
    }

    async fn finish(
        &self,
        lease: StreamLease,
        state: StreamState,
        events: &[StreamEvent],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if self.execute(self.where_appended(ended(state, at)?, lease, events)?).await? == 0 {
            return Err(self.refused_append(lease).await?);
        }
        self.add_events(lease.id, events).await
    }

    async fn finish_whole(
        &self,
        lease: StreamLease,
        state: StreamState,
        events: &[StreamEvent],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        // It goes with the statement that ends the stream, and neither changes anything without the other.
        let forget = Sql::new("streams.forget_events", "DELETE FROM stream_events WHERE (tenant_id, stream_id) IN (")
            .text("SELECT tenant_id, id FROM streams");
        self.execute_later(vec![self.where_leased(forget, lease)?.text(")")]).await?;
        let last = events.last().map_or(0, |last| last.number);
        let sql = ended(state, at)?.text(", last_event = ").bind(last);
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
        let sql = self.of_tenant(sql, "s.tenant_id")?.text(" AND s.id = ").bind(id.0).text(" AND s.").text(RUNS);
        let sql = sql.text(" AND ");
        Ok(self.execute(self.of_conversation_in_reach(sql, "s.conversation_id", Purpose::Change)?).await? > 0)
    }

    async fn events(&self, id: StreamId, after: i64, limit: u32) -> Result<Vec<StreamEvent>, StoreError> {
        let sql = Sql::new("streams.events", "SELECT ")
            .columns::<stream_events::Entity>("e")
            .text(" FROM streams s JOIN stream_events e ON e.tenant_id = s.tenant_id AND e.stream_id = s.id WHERE ");
        let sql = self.of_tenant(sql, "s.tenant_id")?.text(" AND s.id = ").bind(id.0).text(" AND ");
        // The row with the number behind `after` may begin before it.
        let sql = self
            .of_conversation_in_reach(sql, "s.conversation_id", Purpose::Read)?
            .text(" AND e.number >= COALESCE((SELECT MAX(f.number) FROM stream_events f WHERE")
            .text(" f.tenant_id = s.tenant_id AND f.stream_id = s.id AND f.number <= ")
            .bind(after.saturating_add(1))
            .text("), 0) ORDER BY e.number LIMIT ")
            .bind(i64::from(limit));
        let mut events = Vec::new();
        for row in self.rows::<stream_events::Model>(sql).await? {
            events.extend(row.events()?.into_iter().filter(|event| event.number > after));
        }
        events.truncate(limit as usize);
        Ok(events)
    }

    async fn remove_events(&self, ended_before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        // A stream that ended before a time had its first event before it.
        let sql = Sql::new("streams.with_old_events", "SELECT e.tenant_id, e.stream_id AS id FROM stream_events e")
            .text(" JOIN streams s ON s.tenant_id = e.tenant_id AND s.id = e.stream_id")
            .text(" WHERE e.number = 1 AND e.created_at < ")
            .bind(ended_before)
            .text(" AND s.ended_at < ")
            .bind(ended_before)
            .text(" ORDER BY e.created_at LIMIT ")
            .bind(i64::from(limit));
        let old = self.rows::<OldRow>(self.across_tenants(sql)?).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut sql = Sql::new("streams.remove_events", "DELETE FROM stream_events WHERE (tenant_id, stream_id) IN ");
        let mut separator = "(VALUES ";
        for OldRow { tenant_id, id } in &old {
            sql = sql.text(separator).bind_list([*tenant_id, *id]);
            separator = ", ";
        }
        self.execute(self.across_tenants(sql.text(")"))?).await?;
        Ok(old.len() as u64)
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
