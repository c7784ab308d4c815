//! The way of a pump's events to the table.

use std::{mem, sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{
    access::Scope,
    conversations::{StreamEvent, StreamLease, stream::STREAM_LEASE_SECONDS},
    gateways::Topic,
};
use tokio::{task::JoinError, time::Instant};

use super::{Ending, FLUSH_BYTES, Pump, shutdown};
use crate::{App, Error, Result, unit_of_work::Uow};

/// How long a failed flush waits for its next try.
const FLUSH_RETRY: Duration = Duration::from_millis(500);
/// How often a silent stream renews its lease and looks for a stop.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);

impl Pump<'_> {
    /// Waits for the next thing to do beside reading, and does it; an ending when that ends the turn.
    // The lease of the stream is kept here, and nowhere else: every append renews it, and with nothing
    // to write an empty append is due after a quarter of its length. One flush is under way at a time,
    // so events reach the table in their order. It runs in a task of its own: reading goes on
    // meanwhile, and dropping this future in a `select!` cuts nothing in half. An append under an old
    // epoch is refused, which tells that another instance has taken the stream over.
    pub(super) async fn attend(&mut self) -> Option<Ending> {
        let live = Arc::clone(&self.live.live);
        if let Some(flush) = &mut self.flush {
            tokio::select! {
                done = flush => {
                    self.flush = None;
                    self.flushed(done);
                }
                () = self.app.parts.halt.cancelled() => return Some(shutdown()),
            }
        } else {
            let due = if self.waiting_bytes >= FLUSH_BYTES { Instant::now() } else { self.due };
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = live.nudge.notified() => {}
                () = self.app.parts.halt.cancelled() => return Some(shutdown()),
            }
            self.begin_flush();
        }
        (self.lost || self.stop).then_some(Ending::Stopped)
    }

    /// Writes what waits, in a task of its own.
    fn begin_flush(&mut self) {
        let events = mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        self.due = Instant::now() + RENEW_INTERVAL;
        let (app, scope, lease) = (self.app.clone(), self.turn.scope.clone(), self.turn.lease());
        self.flush = Some(tokio::spawn(async move {
            let appended = append(&app, &scope, lease, &events).await;
            (events, appended)
        }));
    }

    /// Waits for the flush that is under way, if one is.
    pub(super) async fn finish_flush(&mut self) {
        if let Some(flush) = self.flush.take() {
            let done = flush.await;
            self.flushed(done);
        }
    }

    fn flushed(&mut self, done: Result<(Vec<StreamEvent>, Result<bool>), JoinError>) {
        match done {
            Ok((_, Ok(stop))) => self.stop |= stop,
            Ok((_, Err(error))) if error.is_stale() => self.lost = true,
            // The commit of an earlier try arrived after all.
            Ok((_, Err(error))) if error.is_conflict_on("stream_events") => {}
            Ok((mut events, Err(error))) => {
                self.log(&error);
                events.append(&mut self.waiting);
                self.waiting = events;
                self.due = Instant::now() + FLUSH_RETRY;
            }
            Err(error) => self.log(&Error::internal(error)),
        }
    }
}

/// Appends events under the lease and renews it; returns whether the reader asked to stop.
async fn append(app: &App, scope: &Scope, lease: StreamLease, events: &[StreamEvent]) -> Result<bool> {
    let lease_expires_at = app.now() + TimeDelta::seconds(STREAM_LEASE_SECONDS);
    let append = |tx: Uow| async move {
        let stop = tx.streams().append(lease, events, lease_expires_at).await?;
        if tx.app().capabilities().shared && !events.is_empty() {
            tx.wake(Topic::Stream(lease.id.0));
        }
        Ok(stop)
    };
    app.unaudited(scope, "the settlement of the turn is audited", append).await
}
