//! Connections that wait for their next request.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use hyper::{
    Uri,
    http::uri::{Authority, Scheme},
};
use tokio::time::{Instant, sleep};

use super::carrier::Carrier;

/// How long an idle connection is kept: shorter than the 5 s after which many servers of models close theirs without a
/// word.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Most idle connections kept to one host.
const MAX_IDLE_PER_HOST: usize = 64;
/// Most idle connections kept.
const MAX_IDLE: usize = 256;

/// Whom a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Option<Scheme>,
    authority: Option<Authority>,
}

impl Origin {
    pub(super) fn of(uri: &Uri) -> Self {
        Self { scheme: uri.scheme().cloned(), authority: uri.authority().cloned() }
    }
}

struct Idle {
    origin: Origin,
    carrier: Carrier,
    until: Instant,
}

/// Connections, the last used behind.
#[derive(Default)]
struct Kept {
    idle: Vec<Idle>,
    /// Whether a task closes those whose time is over.
    is_swept: bool,
}

/// Idle connections to all hosts.
#[derive(Default)]
pub(super) struct Pool(Mutex<Kept>);

impl Pool {
    /// A connection that a peer has not closed, the last used first.
    pub(super) fn take(&self, origin: &Origin) -> Option<Carrier> {
        loop {
            let mut carrier = {
                let mut kept = self.kept();
                let place = kept.idle.iter().rposition(|idle| idle.origin == *origin)?;
                kept.idle.remove(place).carrier
            };
            if carrier.is_free() {
                return Some(carrier);
            }
        }
    }

    /// Keeps a connection for the next request, if it can carry one and there is room.
    pub(super) fn put(self: &Arc<Self>, origin: Origin, mut carrier: Carrier) {
        if !carrier.is_free() {
            return;
        }
        let mut kept = self.kept();
        let of_host = kept.idle.iter().filter(|idle| idle.origin == origin).count();
        if of_host >= MAX_IDLE_PER_HOST || kept.idle.len() >= MAX_IDLE {
            return;
        }
        kept.idle.push(Idle { origin, carrier, until: Instant::now() + IDLE_TIMEOUT });
        if !kept.is_swept {
            kept.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        kept.idle.retain(|idle| idle.until > now);
        kept
    }
}

/// Closes connections whose time is over, as long as there are any.
async fn sweep(pool: Weak<Pool>) {
    loop {
        sleep(IDLE_TIMEOUT).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut kept = pool.kept();
        if kept.idle.is_empty() {
            kept.is_swept = false;
            return;
        }
    }
}
