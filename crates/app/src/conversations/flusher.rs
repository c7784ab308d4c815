//! The flusher: one task of a process that writes what all streams that run in it have told.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use domain::{
    access::Scope,
    clock::Timestamp,
    conversations::{Stream, StreamAppend, StreamLease, stream::STREAM_LEASE_SECONDS},
    gateways::Topic,
    store::StoreError,
};
use futures::FutureExt;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use super::live::{LiveStream, place::Place};
use crate::{App, unit_of_work::Uow};

/// How often the flusher looks for streams that are due. Those that become due meanwhile go together.
const TICK: Duration = Duration::from_millis(50);
/// Most streams of one flush.
const MOST_STREAMS: usize = 512;

/// The task of the flusher, while streams run.
#[derive(Default)]
pub(crate) struct Flusher {
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Flusher {
    fn task(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Starts the flusher, unless it runs or no stream does. A stream is among the live ones before this is
    /// called. A task that was aborted, or whose runtime has ended, runs no more.
    pub(crate) fn start_flusher(&self) {
        let mut task = self.parts.flusher.task();
        if self.parts.live.len() > 0 && task.as_ref().is_none_or(JoinHandle::is_finished) {
            let app = self.clone();
            *task = Some(self.parts.tasks.spawn(async move {
                while AssertUnwindSafe(app.flush_streams()).catch_unwind().await.is_err() {
                    tracing::error!("the flusher failed and begins again");
                }
            }));
        }
    }

    /// Flushes what is due, until no stream runs.
    // A stream's events get their numbers when they are told, and its flushes follow one another, so what
    // the table holds is always a beginning of what was told. All streams that are due go in one flush:
    // its price is that of a transaction, not of a stream, and nobody waits for it but the next flush.
    // Whatever becomes of a flush, each of its streams lands (`Flight`): written, lost, or to be tried again.
    // A flush whose end was not seen may have arrived; the next one is a conflict then, and the stream is
    // looked up.
    async fn flush_streams(&self) {
        loop {
            sleep(TICK).await;
            let running = self.parts.live.all();
            if running.is_empty() {
                let mut task = self.parts.flusher.task();
                if self.parts.live.len() == 0 {
                    *task = None;
                    return;
                }
            }
            let lease_expires_at = self.now() + TimeDelta::seconds(STREAM_LEASE_SECONDS);
            let now = Instant::now();
            let mut due: Vec<_> =
                running.into_iter().filter_map(|live| Flight::begin(live, now, lease_expires_at)).collect();
            // A backend takes what belongs to one tenant together.
            due.sort_by_key(|(_, append)| append.tenant_id);
            while !due.is_empty() {
                let rest = due.split_off(due.len().min(MOST_STREAMS));
                let (flights, appends) = std::mem::replace(&mut due, rest).into_iter().unzip();
                self.flush(flights, appends).await;
            }
        }
    }

    async fn flush(&self, flights: Vec<Flight>, appends: Vec<StreamAppend>) {
        match self.parts.store.append_streams(&appends).await {
            Ok(outcomes) => {
                for (flight, outcome) in flights.into_iter().zip(outcomes) {
                    self.landed(flight, outcome).await;
                }
            }
            Err(error) => {
                tracing::warn!(error = ?error, streams = appends.len(), "a flush failed; it is tried again");
            }
        }
    }

    async fn landed(&self, flight: Flight, outcome: Result<bool, StoreError>) {
        let id = flight.live.stream.id;
        match outcome {
            Ok(stop) => {
                if flight.last.is_some() && self.capabilities().shared {
                    self.parts.wakeups.send(Topic::Stream(id.0)).await;
                }
                flight.land(|place, last| place.flushed(last, stop));
            }
            Err(StoreError::Conflict { .. }) => self.look_up(flight).await,
            Err(StoreError::Stale) => flight.land(|place, _| place.lost()),
            Err(error) => tracing::warn!(stream = %id, error = ?error, "a stream was not flushed; it is tried again"),
        }
    }

    /// Looks up how far a stream is whose events did not go on after its last one: an earlier flush arrived
    /// after all, or the database died and has forgotten some.
    async fn look_up(&self, flight: Flight) {
        let Stream { id, tenant_id, .. } = flight.live.stream;
        let read = async |tx: &Uow| Ok(tx.streams().get(id).await?);
        match self.query_in(&Scope::system_in(tenant_id), read).await {
            Ok(Some(stream)) => flight.land(|place, _| place.found_at(stream.last_event)),
            Ok(None) => flight.land(|place, _| place.lost()),
            Err(error) => tracing::warn!(stream = %id, error = ?error, "a stream could not be looked up yet"),
        }
    }
}

/// A flush of one stream under way. Dropped without a landing, it is tried again.
struct Flight {
    live: Arc<LiveStream>,
    /// Number of its last event, if it has any.
    last: Option<i64>,
    is_down: bool,
}

impl Flight {
    fn begin(live: Arc<LiveStream>, now: Instant, lease_expires_at: Timestamp) -> Option<(Self, StreamAppend)> {
        let events = live.place.begin_flush(now, |stored| live.after(stored))?;
        let Stream { id, tenant_id, epoch, .. } = live.stream;
        let last = events.last().map(|last| last.number);
        let append = StreamAppend { tenant_id, lease: StreamLease { id, epoch }, events, lease_expires_at };
        Some((Self { live, last, is_down: false }, append))
    }

    fn land(mut self, note: impl FnOnce(&Place, Option<i64>)) {
        self.is_down = true;
        note(&self.live.place, self.last);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if !self.is_down {
            self.live.place.not_flushed();
        }
    }
}
