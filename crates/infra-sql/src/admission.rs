//! Admission: who may work at a database next, where it has fewer places than there is work.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{
    ids::TenantId,
    store::{Priority, StoreError},
};
use tokio::{
    sync::oneshot::{self, error::TryRecvError},
    time::{Instant, timeout},
};

use self::line::{Line, Ticket};
use crate::measure::waited;

mod line;

/// Longest wait in a line that moves. Under a load that comes in waves a late answer is worth more than none.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The places of one kind at a database: connections of a pool, say. Clones share them.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Door>);

#[derive(Debug)]
struct Door {
    /// What has these places, for metrics and messages.
    name: &'static str,
    /// How long it may be that nobody is served.
    longest_stall: Duration,
    line: Mutex<Line>,
}

impl Door {
    /// What is guarded is whole after every statement.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission {
    /// `places` places, of which one tenant gets at most three quarters at once, so that another one's
    /// work need not wait for the end of its. Who waits while nobody is served for `longest_stall` is told so; as
    /// long as the line moves, it is waited for 15 s.
    #[must_use]
    pub fn new(name: &'static str, places: usize, longest_stall: Duration) -> Self {
        let most_of_tenant = places.saturating_sub((places / 4).max(1)).max(1);
        let line = Mutex::new(Line::new(places.max(1), most_of_tenant));
        Self(Arc::new(Door { name, longest_stall, line }))
    }

    /// Waits for a place. Work of no tenant is bounded by the places alone.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when too many wait, or none was free in time.
    pub async fn enter(&self, tenant: Option<TenantId>, priority: Priority) -> Result<Admitted, StoreError> {
        let door = &self.0;
        waited(door.name, async {
            let (call, called) = oneshot::channel();
            let Some(ticket) = door.line().join(tenant, priority, call) else {
                return Err(StoreError::Busy(format!("too many wait for {}", door.name)));
            };
            let mut waiting = Waiting { door: Arc::clone(door), ticket, called, is_over: false };
            let begun = Instant::now();
            loop {
                let before = door.line().served();
                let left = LONGEST_WAIT.saturating_sub(begun.elapsed());
                match timeout(door.longest_stall.min(left), &mut waiting.called).await {
                    Ok(Ok(())) => {
                        waiting.is_over = true;
                        return Ok(Admitted { door: Arc::clone(door), tenant, is_of_use: true });
                    }
                    Err(_) if door.line().served() != before && begun.elapsed() < LONGEST_WAIT => {}
                    _ => {
                        let waited = begun.elapsed();
                        return Err(StoreError::Busy(format!("{} had no place within {waited:?}", door.name)));
                    }
                }
            }
        })
        .await
    }
}

/// One in the line. Who gives up leaves it, and hands on the place that was given meanwhile.
struct Waiting {
    door: Arc<Door>,
    ticket: Ticket,
    called: oneshot::Receiver<()>,
    is_over: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.called.close();
        let mut line = self.door.line();
        match self.called.try_recv() {
            Ok(()) => line.leave(self.ticket.tenant),
            Err(TryRecvError::Empty | TryRecvError::Closed) => line.give_up(&self.ticket),
        }
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Admitted {
    door: Arc<Door>,
    tenant: Option<TenantId>,
    is_of_use: bool,
}

impl Admitted {
    /// Says whether the place is of use: it is of none while what it is a place at does not answer. A line in which such
    /// places go round serves nobody, and who waits is not to take it for one that moves.
    pub fn set_of_use(&mut self, is_of_use: bool) {
        self.is_of_use = is_of_use;
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut line = self.door.line();
        if self.is_of_use {
            line.serve();
        }
        line.leave(self.tenant);
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;

    const STALL: Duration = Duration::from_secs(2);

    /// Eight want the one place, each for less than the stall; how many were refused it.
    async fn refused_of_eight(is_of_use: bool) -> usize {
        let admission = Admission::new("test", 1, STALL);
        let outcomes = join_all((0..8).map(|_| async {
            let begun = Instant::now();
            let Ok(mut place) = admission.enter(None, Priority::Request).await else { return begun.elapsed() };
            place.set_of_use(is_of_use);
            sleep(STALL * 3 / 4).await;
            Duration::ZERO
        }));
        let refused: Vec<Duration> = outcomes.await.into_iter().filter(|waited| !waited.is_zero()).collect();
        assert!(refused.iter().all(|waited| *waited < STALL * 2), "{refused:?}");
        refused.len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_moves_by_those_who_are_served_alone() {
        assert_eq!(refused_of_eight(true).await, 0);
        assert_eq!(refused_of_eight(false).await, 6);
    }
}
