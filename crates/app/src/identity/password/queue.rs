//! Who waits for a hash: each takes a core and 46 MiB, so few are computed at once.
//!
//! Those of one address stand in a line of their own, and only its first is in the line of all: however many an
//! address sends, whoever comes from elsewhere waits behind one of them.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, ErrorKind, Result};

/// Hashes computed at once.
const AT_ONCE: usize = 2;
/// Most people in a line, be it that of an address, which may be a company, or that of their first ones. More are told
/// to come back.
const MAX_WAITING: usize = 64;
/// Bits of an IPv6 address that a customer does not choose: homes are given the others of 56, as a rule (RFC 6177).
const NETWORK_BITS: u32 = 56;

/// Where somebody comes from; `None`: from ourselves.
pub(in crate::identity) type Address = Option<IpAddr>;

struct Line {
    first: Arc<Semaphore>,
    people: usize,
}

/// The lines.
pub(super) struct Queue {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    lines: Arc<Mutex<HashMap<Address, Line>>>,
}

/// A place at the front. Others move up when it is dropped.
pub(in crate::identity) struct Turn {
    // Dropped in this order: first the hash, then the address's turn, then its place.
    _hash: OwnedSemaphorePermit,
    _first: OwnedSemaphorePermit,
    _place: Place,
}

struct Place {
    lines: Arc<Mutex<HashMap<Address, Line>>>,
    address: Address,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = locked(&self.lines);
        if let Some(line) = lines.get_mut(&self.address) {
            line.people -= 1;
            if line.people == 0 {
                lines.remove(&self.address);
            }
        }
    }
}

impl Queue {
    pub(super) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0), lines: Arc::default() }
    }

    /// Number of those that wait, over all lines.
    pub(super) fn waiting(&self) -> usize {
        locked(&self.lines).values().map(|line| line.people).sum()
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// `too_many_sign_ins` where a line is full.
    pub(super) async fn turn(&self, address: Address) -> Result<Turn> {
        let address = address.map(network);
        let (place, first) = {
            let mut lines = locked(&self.lines);
            let line = lines.entry(address).or_insert_with(|| Line { first: Arc::new(Semaphore::new(1)), people: 0 });
            if line.people >= MAX_WAITING {
                return Err(too_many());
            }
            line.people += 1;
            (Place { lines: Arc::clone(&self.lines), address }, Arc::clone(&line.first))
        };
        let first = first.acquire_owned().await.map_err(Error::internal)?;
        let waits = Waits::begin(&self.waiting)?;
        let hash = Arc::clone(&self.permits).acquire_owned().await.map_err(Error::internal)?;
        drop(waits);
        Ok(Turn { _hash: hash, _first: first, _place: place })
    }
}

/// One of those that wait in the line of all. Whoever gives up waits no more.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Result<Self> {
        let waits = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING { Err(too_many()) } else { Ok(waits) }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn locked(lines: &Mutex<HashMap<Address, Line>>) -> MutexGuard<'_, HashMap<Address, Line>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part of an address that its owner cannot choose.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> NETWORK_BITS)).into(),
        canonical @ IpAddr::V4(_) => canonical,
    }
}

fn too_many() -> Error {
    let message = "too many sign-ins at once; try again in a few seconds";
    Error::new(ErrorKind::TooManyRequests, "too_many_sign_ins", message).retry_after(Duration::from_secs(2))
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, future::join_all};

    use super::*;

    fn address(text: &str) -> Address {
        Some(text.parse().unwrap())
    }

    #[tokio::test]
    async fn an_address_that_floods_is_one_of_many() {
        let queue = Queue::new();
        let flood: Vec<_> = (0..200).map(|_| queue.turn(address("192.0.2.1"))).collect();
        let mut flood = Box::pin(join_all(flood));
        assert!(flood.as_mut().now_or_never().is_none());
        assert_eq!(queue.waiting(), MAX_WAITING);
        // Its own next one is refused; whoever comes from elsewhere has a turn at once.
        assert_eq!(
            queue.turn(address("::ffff:192.0.2.1")).await.err().map(|error| error.code),
            Some("too_many_sign_ins")
        );
        let other = queue.turn(address("192.0.2.2")).now_or_never().unwrap();
        assert!(other.is_ok());
        drop(flood);
        assert_eq!(queue.waiting(), 1);
        drop(other);
        assert_eq!(queue.waiting(), 0);
    }

    #[tokio::test]
    async fn all_of_a_line_have_their_turn() {
        let queue = Queue::new();
        let served = join_all((0..MAX_WAITING).map(|_| async {
            let turn = queue.turn(address("2001:db8::1")).await.unwrap();
            tokio::task::yield_now().await;
            drop(turn);
        }));
        assert_eq!(served.await.len(), MAX_WAITING);
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff:1:2:3"));
        assert_eq!(of("2001:db8:1:2::"), of("2001:db8:1:ff::"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:102::"));
    }
}
