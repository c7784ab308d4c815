//! Completions that nobody reads any more. They are read to their end all the same, so that what they cost is the
//! provider's count; but not for ever, and not in any number: each holds its answer in memory. How many a user or a key
//! may have is bounded with those that are read (see [`super::running`]).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

use crate::Settings;

/// Those of this process, by how long they have been unread.
#[derive(Clone, Default)]
pub(crate) struct UnreadCalls(Arc<Mutex<Line>>);

#[derive(Default)]
struct Line {
    next: u64,
    calls: BTreeMap<u64, CancellationToken>,
}

impl UnreadCalls {
    /// Waits until a call that is read no more from now on has gone on for long enough, or gives way to later ones.
    pub(super) async fn enough(&self, settings: &Settings) {
        let place = self.enter(settings.max_unread);
        tokio::select! {
            () = tokio::time::sleep(settings.max_unread_time) => {}
            () = place.gives_way.cancelled() => {}
        }
    }

    fn enter(&self, most: usize) -> Place {
        let gives_way = CancellationToken::new();
        let mut line = self.line();
        let number = line.next;
        line.next += 1;
        line.calls.insert(number, gives_way.clone());
        while line.calls.len() > most {
            let Some((_, oldest)) = line.calls.pop_first() else { break };
            oldest.cancel();
        }
        drop(line);
        Place { number, gives_way, calls: self.clone() }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one of them, until it is dropped.
struct Place {
    number: u64,
    gives_way: CancellationToken,
    calls: UnreadCalls,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.calls.line().calls.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way_and_places_are_given_back() {
        let unread = UnreadCalls::default();
        let mut places: Vec<Place> = (0..3).map(|_| unread.enter(2)).collect();
        let gone: Vec<bool> = places.iter().map(|place| place.gives_way.is_cancelled()).collect();
        assert_eq!(gone, [true, false, false]);
        drop(places.remove(1));
        places.push(unread.enter(2));
        assert!(places[1..].iter().all(|place| !place.gives_way.is_cancelled()));
        places.clear();
        assert!(unread.line().calls.is_empty());
        assert!(unread.enter(0).gives_way.is_cancelled());
    }
}
