//! Streams that run in this process. Their readers get each event as it comes, ahead of the table.
//!
//! A live stream keeps all its events until it ends, so a reader is only a place in a list: a slow
//! or dead one holds nothing up and costs nothing.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use domain::{
    conversations::{Stream, StreamEvent},
    ids::StreamId,
};
use tokio::sync::watch;

use self::place::Place;
use super::MessageView;

pub(crate) mod place;

/// Bytes of events that a reader takes at once.
const READ_BYTES: usize = 16 * 1024;

/// One running stream.
pub(crate) struct LiveStream {
    /// As it was opened.
    pub(crate) stream: Stream,
    events: Mutex<Vec<StreamEvent>>,
    /// The answer in the end, where all readers see the same.
    view: OnceLock<Option<MessageView>>,
    /// Number of events so far, and whether nothing more comes from here.
    progress: watch::Sender<Progress>,
    /// How far it has come on its way to the table.
    pub(crate) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Progress {
    pub(crate) count: usize,
    pub(crate) closed: bool,
}

impl LiveStream {
    /// Adds events and tells the readers.
    pub(crate) fn push(&self, events: &[StreamEvent]) {
        let count = {
            let mut all = locked(&self.events);
            all.extend_from_slice(events);
            all.len()
        };
        self.progress.send_modify(|progress| progress.count = count);
    }

    /// Notes the answer in the end, before the last event is told.
    pub(crate) fn ended_as(&self, view: Option<MessageView>) {
        // A stream ends once; a second view would be the same.
        drop(self.view.set(view));
    }

    /// The answer in the end.
    pub(crate) fn view(&self) -> Option<MessageView> {
        self.view.get().cloned().flatten()
    }

    /// The events after a number.
    pub(crate) fn after(&self, number: i64) -> Vec<StreamEvent> {
        let all = locked(&self.events);
        let from = all.partition_point(|event| event.number <= number);
        all[from..].to_vec()
    }

    /// The next events after a number, as many as a reader takes at once: whoever reads slowly, or not at all,
    /// holds no more than these.
    pub(crate) fn some_after(&self, number: i64) -> Vec<StreamEvent> {
        let all = locked(&self.events);
        let from = all.partition_point(|event| event.number <= number);
        let mut bytes = 0;
        let more = |event: &&StreamEvent| {
            let is_next = bytes < READ_BYTES;
            bytes += event.event.text_bytes() + mem::size_of::<StreamEvent>();
            is_next
        };
        all[from..].iter().take_while(more).cloned().collect()
    }

    /// Reports every change.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }
}

/// All streams that run in this process.
#[derive(Clone, Default)]
pub(crate) struct LiveStreams {
    streams: Arc<Mutex<HashMap<StreamId, Arc<LiveStream>>>>,
}

impl LiveStreams {
    /// Opens a stream; it closes when the returned guard is dropped, however the pump ends.
    pub(crate) fn open(&self, stream: Stream) -> LiveGuard {
        let id = stream.id;
        let live = Arc::new(LiveStream {
            stream,
            view: OnceLock::new(),
            events: Mutex::default(),
            progress: watch::Sender::new(Progress::default()),
            place: Place::new(),
        });
        locked(&self.streams).insert(id, Arc::clone(&live));
        LiveGuard { id, live, streams: self.clone() }
    }

    /// The stream, if it runs here.
    pub(crate) fn get(&self, id: StreamId) -> Option<Arc<LiveStream>> {
        locked(&self.streams).get(&id).cloned()
    }

    /// The streams that run here.
    pub(crate) fn all(&self) -> Vec<Arc<LiveStream>> {
        locked(&self.streams).values().cloned().collect()
    }

    /// Number of streams that run here.
    pub(crate) fn len(&self) -> usize {
        locked(&self.streams).len()
    }
}

/// Keeps a stream open.
pub(crate) struct LiveGuard {
    id: StreamId,
    pub(crate) live: Arc<LiveStream>,
    streams: LiveStreams,
}

impl Drop for LiveGuard {
    fn drop(&mut self) {
        locked(&self.streams.streams).remove(&self.id);
        self.live.progress.send_modify(|progress| progress.closed = true);
    }
}

/// A lock that a panic elsewhere cannot take away: what is guarded is whole after every statement.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
