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
    time::timeout,
};

use self::line::{Line, Ticket};
use crate::measure::waited;

mod line;

/// The places of one kind at a database: connections of a pool, say. Clones share them.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Door>);

#[derive(Debug)]
struct Door {
    /// What has these places, for metrics and messages.
    name: &'static str,
    longest_wait: Duration,
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
    /// work need not wait for the end of its. Nobody waits longer than `longest_wait`.
    #[must_use]
    pub fn new(name: &'static str, places: usize, longest_wait: Duration) -> Self {
        let most_of_tenant = places.saturating_sub((places / 4).max(1)).max(1);
        let line = Mutex::new(Line::new(places.max(1), most_of_tenant));
        Self(Arc::new(Door { name, longest_wait, line }))
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
            match timeout(door.longest_wait, &mut waiting.called).await {
                Ok(Ok(())) => {
                    waiting.is_over = true;
                    Ok(Admitted { door: Arc::clone(door), tenant })
                }
                _ => Err(StoreError::Busy(format!("{} had no place within {:?}", door.name, door.longest_wait))),
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
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.door.line().leave(self.tenant);
    }
}
