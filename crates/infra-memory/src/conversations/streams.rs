//! Streams and their events.

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose},
    clock::Timestamp,
    conversations::{
        Conversation, ExpiredStream, MostRunning, Stream, StreamEvent, StreamLease, StreamRepo, StreamState,
    },
    ids::{ConversationId, StreamId},
    store::StoreError,
};

use super::rows::StoredEvent;
use crate::{
    check::require,
    state::State,
    store::MemoryTx,
    table::{Row, place},
};

impl State {
    fn reached_stream(&self, filter: Filter, id: StreamId) -> Option<&Stream> {
        let stream = self.streams.get(&id)?;
        self.reached::<Conversation>(filter, &stream.conversation_id)?;
        Some(stream)
    }

    fn running(&self) -> impl Iterator<Item = &Stream> {
        self.streams.by("uq_streams_running_message", place![])
    }

    /// Changes the running stream of this lease. The lease is the right to it, also when its
    /// conversation has been deleted since.
    fn change_leased(
        &mut self,
        filter: Filter,
        lease: StreamLease,
        change: impl FnOnce(&mut Stream),
    ) -> Result<(), StoreError> {
        let held = |stream: &&Stream| stream.state == StreamState::Running && stream.epoch == lease.epoch;
        let stream = self.streams.get(&lease.id).filter(held).ok_or(StoreError::Stale)?;
        let conversation = self.conversations.get(&stream.conversation_id);
        conversation.filter(|conversation| filter.admits(*conversation)).ok_or(StoreError::Stale)?;
        self.change(&lease.id, change)
    }

    /// The same, adding events behind its last one.
    fn append_leased(
        &mut self,
        filter: Filter,
        lease: StreamLease,
        events: &[StreamEvent],
        change: impl FnOnce(&mut Stream),
    ) -> Result<(), StoreError> {
        let mut next = 1;
        let mut tenant = None;
        self.change_leased(filter, lease, |stream| {
            next = stream.last_event + 1;
            tenant = Some(stream.tenant_id);
            stream.last_event = events.last().map_or(stream.last_event, |event| event.number);
            change(stream);
        })?;
        if events.first().is_some_and(|first| first.number != next) {
            return Err(StoreError::Conflict { constraint: "stream_events".to_owned() });
        }
        let tenant_id = tenant.ok_or(StoreError::Stale)?;
        let stored = |event: &StreamEvent| StoredEvent { tenant_id, stream_id: lease.id, event: event.clone() };
        events.iter().try_for_each(|event| self.insert(stored(event)))
    }
}

/// Marks a stream as ended.
fn mark_ended(stream: &mut Stream, state: StreamState, at: Timestamp) {
    stream.state = state;
    stream.ended_at = Some(at);
    stream.updated_at = at;
}

#[async_trait]
impl StreamRepo for MemoryTx {
    async fn get(&self, id: StreamId) -> Result<Option<Stream>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| Ok(state.reached_stream(filter, id).cloned()))
    }

    async fn running(&self, conversation: ConversationId) -> Result<Vec<Stream>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| {
            if state.reached::<Conversation>(filter, &conversation).is_none() {
                return Ok(Vec::new());
            }
            let mut streams: Vec<Stream> =
                state.running().filter(|stream| stream.conversation_id == conversation).cloned().collect();
            streams.sort_unstable_by_key(|stream| (stream.created_at, stream.id));
            Ok(streams)
        })
    }

    async fn insert(&self, streams: &[Stream], most: MostRunning) -> Result<bool, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        streams.iter().try_for_each(|stream| self.may_add_part(stream.tenant_id))?;
        let Some(Stream { tenant_id, conversation_id, user_id, api_key_id, .. }) = streams.first() else {
            return Ok(true);
        };
        self.write(|state| {
            state.whole::<Conversation>(filter, conversation_id)?;
            let (mut in_conversation, mut of_asker) = (0, 0);
            for stream in state.running().filter(|stream| stream.tenant_id == *tenant_id) {
                in_conversation += u64::from(stream.conversation_id == *conversation_id);
                of_asker += u64::from((stream.user_id, stream.api_key_id) == (*user_id, *api_key_id));
            }
            if in_conversation >= most.in_conversation || of_asker >= most.of_asker {
                return Ok(false);
            }
            streams.iter().try_for_each(|stream| state.insert(stream.clone()))?;
            Ok(true)
        })
    }

    async fn record_call(&self, lease: StreamLease, estimated_input_tokens: u64) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        let now = self.now();
        self.write(|state| {
            state.change_leased(filter, lease, |stream| {
                stream.estimated_input_tokens = Some(estimated_input_tokens);
                stream.updated_at = now;
            })
        })
    }

    async fn append(
        &self,
        lease: StreamLease,
        events: &[StreamEvent],
        lease_expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        let now = self.now();
        self.write(|state| {
            let mut is_to_stop = false;
            state.append_leased(filter, lease, events, |stream| {
                stream.lease_expires_at = lease_expires_at;
                stream.updated_at = now;
                is_to_stop = stream.stop_requested_at.is_some();
            })?;
            Ok(is_to_stop)
        })
    }

    async fn finish(
        &self,
        lease: StreamLease,
        end: StreamState,
        events: &[StreamEvent],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        require(end != StreamState::Running, "a stream does not end as running")?;
        self.write(|state| state.append_leased(filter, lease, events, |stream| mark_ended(stream, end, at)))
    }

    async fn finish_whole(
        &self,
        lease: StreamLease,
        end: StreamState,
        events: &[StreamEvent],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        require(end != StreamState::Running, "a stream does not end as running")?;
        self.write(|state| {
            state.change_leased(filter, lease, |stream| stream.last_event = 0)?;
            let appended = state.stream_events.range((lease.id, 0), (lease.id, i64::MAX));
            let appended: Vec<_> = appended.map(StoredEvent::id).collect();
            appended.iter().try_for_each(|id| state.remove::<StoredEvent>(id))?;
            state.append_leased(filter, lease, events, |stream| mark_ended(stream, end, at))
        })
    }

    async fn request_stop(&self, id: StreamId, at: Timestamp) -> Result<bool, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        self.write(|state| {
            let running = |stream: &&Stream| stream.state == StreamState::Running;
            if state.reached_stream(filter, id).filter(running).is_none() {
                return Ok(false);
            }
            state.change(&id, |stream: &mut Stream| {
                stream.stop_requested_at = stream.stop_requested_at.or(Some(at));
                stream.updated_at = at;
            })?;
            Ok(true)
        })
    }

    async fn events(&self, id: StreamId, after: i64, limit: u32) -> Result<Vec<StreamEvent>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        self.read(|state| {
            if state.reached_stream(filter, id).is_none() {
                return Ok(Vec::new());
            }
            let stored = state.stream_events.range((id, after.saturating_add(1)), (id, i64::MAX));
            Ok(stored.take(limit as usize).map(|stored| stored.event.clone()).collect())
        })
    }

    async fn remove_events(&self, ended_before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.need_installation()?;
        self.write(|state| {
            let is_old = |stream: &Stream| stream.ended_at.is_some_and(|ended_at| ended_at < ended_before);
            let mut old: Vec<_> = state.stream_events.iter().map(StoredEvent::id).collect();
            old.retain(|(id, _)| state.streams.get(id).is_some_and(is_old));
            let mut ids: Vec<StreamId> = old.iter().map(|(id, _)| *id).collect();
            ids.dedup();
            ids.truncate(limit as usize);
            old.retain(|(id, _)| ids.contains(id));
            old.iter().try_for_each(|id| state.remove::<StoredEvent>(id))?;
            Ok(ids.len() as u64)
        })
    }

    async fn take_expired(
        &self,
        now: Timestamp,
        lease_expires_at: Timestamp,
        limit: u32,
    ) -> Result<Vec<ExpiredStream>, StoreError> {
        self.need_installation()?;
        self.write(|state| {
            let mut expired: Vec<(Timestamp, StreamId)> = state
                .running()
                .filter(|stream| stream.lease_expires_at <= now)
                .map(|stream| (stream.lease_expires_at, stream.id))
                .collect();
            expired.sort_unstable();
            expired.truncate(limit as usize);
            let mut taken = Vec::with_capacity(expired.len());
            for (_, id) in expired {
                state.change(&id, |stream: &mut Stream| {
                    stream.epoch += 1;
                    stream.lease_expires_at = lease_expires_at;
                    stream.updated_at = now;
                    let lease = StreamLease { id, epoch: stream.epoch };
                    taken.push(ExpiredStream { tenant_id: stream.tenant_id, lease });
                })?;
            }
            Ok(taken)
        })
    }
}
