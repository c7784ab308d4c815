//! How far a running stream has come on its way to the table: a matter of the flusher, which writes it, and
//! of the pump, which writes the rest with the settlement.

use std::{sync::Mutex, time::Duration};

use domain::conversations::StreamEvent;
use tokio::{sync::Notify, time::Instant};

use super::locked;

/// How long the first events wait for company before they go to the table.
const FIRST_FLUSH: Duration = Duration::from_millis(100);
/// How long later ones wait. What a dead process had told its readers within it is lost to the table.
const FLUSH_INTERVAL: Duration = Duration::from_millis(200);
/// How long a flush that failed waits for its next try.
const FLUSH_RETRY: Duration = Duration::from_millis(500);
/// How often a silent stream renews its lease, and so looks for a stop.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);
/// Events of one flush of a stream; what is more goes with the next.
const MOST_EVENTS: usize = 10_000;

/// How far a stream has come.
pub(crate) struct Place {
    mark: Mutex<Mark>,
    /// The mark has changed.
    moved: Notify,
}

/// What is known of it.
struct Mark {
    /// Number of the last event that is there.
    stored: i64,
    /// When the next flush is due.
    due: Instant,
    /// When its lease has to be renewed, though there is nothing to write.
    renewal: Instant,
    is_in_flight: bool,
    /// Somebody waits for a flush that begins now, whether there is something to write or not.
    is_hurried: bool,
    /// The pump writes the rest itself.
    is_left: bool,
    /// The reader asked to stop.
    stop: bool,
    /// Another instance has taken it over.
    lost: bool,
}

impl Place {
    /// That of a stream which begins.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let mark = Mark {
            stored: 0,
            due: now + FIRST_FLUSH,
            renewal: now + RENEW_INTERVAL,
            is_in_flight: false,
            is_hurried: false,
            is_left: false,
            stop: false,
            lost: false,
        };
        Self { mark: Mutex::new(mark), moved: Notify::new() }
    }

    /// The events that are to be written now, of those that `after` gives after a number; then the stream is
    /// in flight until one of `flushed`, `not_flushed` and `lost` is called. None renew the lease alone.
    pub(crate) fn begin_flush(
        &self,
        now: Instant,
        after: impl FnOnce(i64) -> Vec<StreamEvent>,
    ) -> Option<Vec<StreamEvent>> {
        let mut mark = locked(&self.mark);
        if mark.is_in_flight || mark.is_left || mark.lost || (now < mark.due && !mark.is_hurried) {
            return None;
        }
        let mut events = after(mark.stored);
        events.truncate(MOST_EVENTS);
        if events.is_empty() && now < mark.renewal && !mark.is_hurried {
            mark.due = now + FLUSH_INTERVAL;
            return None;
        }
        mark.is_in_flight = true;
        mark.is_hurried = false;
        Some(events)
    }

    /// A flush up to this event is in the table.
    pub(crate) fn flushed(&self, last: Option<i64>, stop: bool) {
        let now = Instant::now();
        self.land(now + FLUSH_INTERVAL, |mark| {
            mark.stored = last.unwrap_or(mark.stored);
            mark.renewal = now + RENEW_INTERVAL;
            mark.stop |= stop;
        });
    }

    /// The table was looked at, and this is the last event in it: the flushes go on from there.
    pub(crate) fn found_at(&self, last_event: i64) {
        self.land(Instant::now(), |mark| mark.stored = last_event);
    }

    /// The end of a flush was not seen, or it failed.
    pub(crate) fn not_flushed(&self) {
        self.land(Instant::now() + FLUSH_RETRY, |_| ());
    }

    /// The stream is another instance's.
    pub(crate) fn lost(&self) {
        self.land(Instant::now() + FLUSH_INTERVAL, |mark| mark.lost = true);
    }

    fn land(&self, due: Instant, change: impl FnOnce(&mut Mark)) {
        {
            let mut mark = locked(&self.mark);
            mark.is_in_flight = false;
            mark.due = due;
            change(&mut mark);
        }
        self.moved.notify_waiters();
    }

    /// Asks for a flush that begins after this, with the next tick: it sees whether the reader asked to stop.
    pub(crate) fn hurry(&self) {
        locked(&self.mark).is_hurried = true;
    }

    /// Waits until the reader asks to stop, or another instance takes the stream over.
    pub(crate) async fn interrupted(&self) {
        self.until(|mark| mark.stop || mark.lost).await;
    }

    /// Ends the flushes, after the one that is under way; returns the number of the last event that is in
    /// the table, and whether the stream was taken over.
    pub(crate) async fn leave(&self) -> (i64, bool) {
        locked(&self.mark).is_left = true;
        self.until(|mark| !mark.is_in_flight).await;
        let mark = locked(&self.mark);
        (mark.stored, mark.lost)
    }

    async fn until(&self, holds: impl Fn(&Mark) -> bool) {
        let mut moved = std::pin::pin!(self.moved.notified());
        loop {
            // It counts from here on, so that nothing is missed between the look and the wait.
            moved.as_mut().enable();
            if holds(&locked(&self.mark)) {
                return;
            }
            moved.as_mut().await;
            moved.set(self.moved.notified());
        }
    }
}
