//! Streams and their events.

use async_trait::async_trait;
use domain::{
    access::TenantScope,
    clock::Timestamp,
    conversations::{ExpiredStream, MostRunning, Stream, StreamEvent, StreamLease, StreamRepo, StreamState},
    ids::{ConversationId, StreamId},
    store::StoreError,
};

use crate::{
    check::{conflict, fits_column, no_nul_json, refuse},
    state::{State, need},
    store::MemoryTx,
};

impl State {
    fn reached_stream(&self, scope: &TenantScope, id: StreamId) -> Option<&Stream> {
        let stream = self.streams.get(&id)?;
        self.reached_conversation(scope, stream.conversation_id)?;
        Some(stream)
    }

    fn running(&self) -> impl Iterator<Item = &Stream> {
        self.running_streams.iter().filter_map(|id| self.streams.get(id))
    }

    fn insert_stream(&mut self, stream: &Stream) -> Result<(), StoreError> {
        fits_column(stream.estimated_input_tokens)?;
        let tenant = stream.tenant_id;
        if self.streams.contains_key(&stream.id) {
            return Err(conflict("streams_pkey"));
        }
        if stream.state == StreamState::Running {
            if self.running().any(|other| other.message_id == stream.message_id) {
                return Err(conflict("uq_streams_running_message"));
            }
            self.running_streams.insert_mut(stream.id);
        }
        self.need_conversation(tenant, Some(stream.conversation_id))?;
        need(Some(stream.message_id), |id| {
            self.messages
                .get(&id)
                .is_some_and(|message| message.conversation_id == stream.conversation_id && message.tenant_id == tenant)
        })?;
        self.need_user(tenant, Some(stream.user_id))?;
        self.need_api_key(tenant, stream.api_key_id)?;
        self.streams.insert_mut(stream.id, stream.clone());
        Ok(())
    }

    fn insert_events(&mut self, id: StreamId, events: &[StreamEvent]) -> Result<(), StoreError> {
        for event in events {
            let stored = serde_json::to_value(&event.event).map_err(|error| StoreError::Backend(Box::new(error)))?;
            no_nul_json([&stored])?;
            if event.number < 1 {
                return Err(refuse("events count from 1"));
            }
            if self.stream_events.contains_key(&(id, event.number)) {
                return Err(conflict("stream_events_pkey"));
            }
            self.stream_events.insert_mut((id, event.number), event.clone());
        }
        Ok(())
    }

    /// The running stream of this lease.
    fn leased(&mut self, scope: &TenantScope, lease: StreamLease) -> Result<&mut Stream, StoreError> {
        let held = |stream: &&mut Stream| {
            stream.tenant_id == scope.tenant_id && stream.state == StreamState::Running && stream.epoch == lease.epoch
        };
        self.streams.get_mut(&lease.id).filter(held).ok_or(StoreError::Stale)
    }
}

#[async_trait]
impl StreamRepo for MemoryTx {
    async fn get(&self, id: StreamId) -> Result<Option<Stream>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| Ok(state.reached_stream(scope, id).cloned()))
    }

    async fn running(&self, conversation: ConversationId) -> Result<Vec<Stream>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            if state.reached_conversation(scope, conversation).is_none() {
                return Ok(Vec::new());
            }
            let mut streams: Vec<Stream> =
                state.running().filter(|stream| stream.conversation_id == conversation).cloned().collect();
            streams.sort_unstable_by_key(|stream| (stream.created_at, stream.id));
            Ok(streams)
        })
    }

    async fn insert(&self, streams: &[Stream], most: MostRunning) -> Result<bool, StoreError> {
        let Some(Stream { tenant_id, conversation_id, user_id, .. }) = streams.first() else { return Ok(true) };
        let scope = self.tenant()?;
        if streams.iter().any(|stream| stream.tenant_id != scope.tenant_id) {
            return Err(StoreError::OutOfScope("a stream is opened in the scope of its tenant"));
        }
        self.write(|state| {
            let (mut in_conversation, mut of_user) = (0, 0);
            for stream in state.running().filter(|stream| stream.tenant_id == *tenant_id) {
                in_conversation += u64::from(stream.conversation_id == *conversation_id);
                of_user += u64::from(stream.user_id == *user_id);
            }
            if in_conversation >= most.in_conversation || of_user >= most.of_user {
                return Ok(false);
            }
            streams.iter().try_for_each(|stream| state.insert_stream(stream))?;
            Ok(true)
        })
    }

    async fn record_call(&self, lease: StreamLease, estimated_input_tokens: u64) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        fits_column([estimated_input_tokens])?;
        self.write(|state| {
            state.leased(scope, lease)?.estimated_input_tokens = Some(estimated_input_tokens);
            Ok(())
        })
    }

    async fn append(
        &self,
        lease: StreamLease,
        events: &[StreamEvent],
        lease_expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let scope = self.tenant()?;
        let now = self.now();
        self.write(|state| {
            let stream = state.leased(scope, lease)?;
            stream.lease_expires_at = lease_expires_at;
            stream.last_event = events.last().map_or(stream.last_event, |event| event.number);
            stream.updated_at = now;
            let stop = stream.stop_requested_at.is_some();
            state.insert_events(lease.id, events)?;
            Ok(stop)
        })
    }

    async fn finish(
        &self,
        lease: StreamLease,
        end: StreamState,
        events: &[StreamEvent],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let stream = state.leased(scope, lease)?;
            if end == StreamState::Running {
                return Err(refuse("a stream does not end as running"));
            }
            stream.state = end;
            stream.last_event = events.last().map_or(stream.last_event, |event| event.number);
            stream.ended_at = Some(at);
            stream.updated_at = at;
            state.running_streams.remove_mut(&lease.id);
            state.insert_events(lease.id, events)
        })
    }

    async fn request_stop(&self, id: StreamId, at: Timestamp) -> Result<bool, StoreError> {
        let scope = self.tenant()?;
        self.write(|state| {
            let running = |stream: &&Stream| stream.state == StreamState::Running;
            if state.reached_stream(scope, id).filter(running).is_none() {
                return Ok(false);
            }
            if let Some(stream) = state.streams.get_mut(&id) {
                stream.stop_requested_at = stream.stop_requested_at.or(Some(at));
                stream.updated_at = at;
            }
            Ok(true)
        })
    }

    async fn events(&self, id: StreamId, after: i64, limit: u32) -> Result<Vec<StreamEvent>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            if state.reached_stream(scope, id).is_none() {
                return Ok(Vec::new());
            }
            let range = (id, after.saturating_add(1))..=(id, i64::MAX);
            Ok(state.stream_events.range(range).take(limit as usize).map(|(_, event)| event.clone()).collect())
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
                if let Some(stream) = state.streams.get_mut(&id) {
                    stream.epoch += 1;
                    stream.lease_expires_at = lease_expires_at;
                    stream.updated_at = now;
                    let lease = StreamLease { id, epoch: stream.epoch };
                    taken.push(ExpiredStream { tenant_id: stream.tenant_id, lease });
                }
            }
            Ok(taken)
        })
    }
}
