//! The line in front of the places: by kind of work, and within a kind in turn among tenants.

use std::collections::{HashMap, VecDeque};

use domain::{ids::TenantId, store::Priority};
use tokio::sync::oneshot::Sender;

/// Most that wait at once.
const MOST_WAITING: usize = 4_096;
/// Of them, most of one tenant.
const MOST_WAITING_OF_TENANT: usize = MOST_WAITING / 2;
/// One in so many places goes to the kind of work that would otherwise be last, so that work of which
/// there is no end does not keep the rest away for ever.
const RELIEF: u64 = 16;

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) tenant: Option<TenantId>,
    priority: Priority,
    number: u64,
}

/// Those of one kind. A tenant is in `turns` exactly while some of its wait.
#[derive(Debug, Default)]
struct Kind {
    turns: VecDeque<Option<TenantId>>,
    waiting: HashMap<Option<TenantId>, VecDeque<(u64, Sender<()>)>>,
}

/// Who has a place and who waits for one.
#[derive(Debug)]
pub(super) struct Line {
    free: usize,
    most_of_tenant: usize,
    /// Places of each tenant that has any.
    working: HashMap<TenantId, usize>,
    /// In the order of [`Priority`].
    kinds: [Kind; 3],
    waiting: usize,
    joined: u64,
    handed_on: u64,
    served: u64,
}

impl Line {
    pub(super) fn new(places: usize, most_of_tenant: usize) -> Self {
        Self {
            free: places,
            most_of_tenant,
            working: HashMap::new(),
            kinds: Default::default(),
            waiting: 0,
            joined: 0,
            handed_on: 0,
            served: 0,
        }
    }

    /// How many had a place that was of use to them.
    pub(super) fn served(&self) -> u64 {
        self.served
    }

    /// One who had a place was served.
    pub(super) fn serve(&mut self) {
        self.served += 1;
    }

    /// Joins the line; `call` is told when there is a place. `None`: too many wait.
    pub(super) fn join(&mut self, tenant: Option<TenantId>, priority: Priority, call: Sender<()>) -> Option<Ticket> {
        let of_tenant = |kind: &Kind| kind.waiting.get(&tenant).map_or(0, VecDeque::len);
        let is_crowded = self.waiting >= MOST_WAITING
            || (tenant.is_some() && self.kinds.iter().map(of_tenant).sum::<usize>() >= MOST_WAITING_OF_TENANT);
        // Where a place is free, those who wait are of tenants that have their share.
        let enters = self.free > 0 && self.may_enter(tenant);
        if is_crowded && !enters {
            return None;
        }
        self.joined += 1;
        let ticket = Ticket { tenant, priority, number: self.joined };
        if enters {
            if call.send(()).is_ok() {
                self.enter(tenant);
            }
            return Some(ticket);
        }
        let kind = &mut self.kinds[priority as usize];
        let queue = kind.waiting.entry(tenant).or_default();
        if queue.is_empty() {
            kind.turns.push_back(tenant);
        }
        queue.push_back((ticket.number, call));
        self.waiting += 1;
        Some(ticket)
    }

    /// Gives a place back, which goes to the next.
    pub(super) fn leave(&mut self, tenant: Option<TenantId>) {
        self.free += 1;
        if let Some(tenant) = tenant
            && let Some(working) = self.working.get_mut(&tenant)
        {
            *working -= 1;
            if *working == 0 {
                self.working.remove(&tenant);
            }
        }
        while self.free > 0 {
            let Some((tenant, call)) = self.next() else { return };
            // Who has gone away takes no place.
            if call.send(()).is_ok() {
                self.enter(tenant);
            }
        }
    }

    /// Leaves the line without a place.
    pub(super) fn give_up(&mut self, ticket: &Ticket) {
        let kind = &mut self.kinds[ticket.priority as usize];
        let Some(queue) = kind.waiting.get_mut(&ticket.tenant) else { return };
        let before = queue.len();
        queue.retain(|(number, _)| *number != ticket.number);
        self.waiting -= before - queue.len();
        if queue.is_empty() {
            kind.waiting.remove(&ticket.tenant);
            kind.turns.retain(|tenant| *tenant != ticket.tenant);
        }
    }

    fn may_enter(&self, tenant: Option<TenantId>) -> bool {
        tenant.is_none_or(|tenant| self.working.get(&tenant).is_none_or(|working| *working < self.most_of_tenant))
    }

    fn enter(&mut self, tenant: Option<TenantId>) {
        self.free -= 1;
        if let Some(tenant) = tenant {
            *self.working.entry(tenant).or_default() += 1;
        }
    }

    /// Takes who is next out of the line.
    fn next(&mut self) -> Option<(Option<TenantId>, Sender<()>)> {
        self.handed_on += 1;
        let mut order = [0, 1, 2];
        if self.handed_on.is_multiple_of(RELIEF) {
            order.reverse();
        }
        order.into_iter().find_map(|kind| self.next_of(kind))
    }

    /// The next of a kind: the oldest of the tenant whose turn it is, which then is the last of them.
    fn next_of(&mut self, kind: usize) -> Option<(Option<TenantId>, Sender<()>)> {
        let place = self.kinds[kind].turns.iter().position(|tenant| self.may_enter(*tenant))?;
        let Kind { turns, waiting } = &mut self.kinds[kind];
        let tenant = turns.remove(place)?;
        let queue = waiting.get_mut(&tenant)?;
        let (_, call) = queue.pop_front()?;
        self.waiting -= 1;
        if queue.is_empty() {
            waiting.remove(&tenant);
        } else {
            turns.push_back(tenant);
        }
        Some((tenant, call))
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{IdGen, RandomIds};
    use tokio::sync::oneshot::{self, Receiver};

    use super::*;

    type Waits = Vec<(&'static str, Receiver<()>)>;

    fn tenant() -> Option<TenantId> {
        Some(TenantId(RandomIds.random()))
    }

    fn join(line: &mut Line, waits: &mut Waits, name: &'static str, tenant: Option<TenantId>, priority: Priority) {
        let (call, called) = oneshot::channel();
        assert!(line.join(tenant, priority, call).is_some());
        waits.push((name, called));
    }

    /// Who was called since.
    fn called(waits: &mut Waits) -> Vec<&'static str> {
        let mut names = Vec::new();
        waits.retain_mut(|(name, called)| {
            let waits = called.try_recv().is_err();
            if !waits {
                names.push(*name);
            }
            waits
        });
        names
    }

    #[test]
    fn kinds_come_in_their_order_and_tenants_in_turn() {
        let (mut line, mut waits) = (Line::new(1, 1), Waits::new());
        let (one, other) = (tenant(), tenant());
        let holder = tenant();
        join(&mut line, &mut waits, "holder", holder, Priority::Request);
        join(&mut line, &mut waits, "background", one, Priority::Background);
        for name in ["one's first", "one's second", "one's third"] {
            join(&mut line, &mut waits, name, one, Priority::Request);
        }
        join(&mut line, &mut waits, "other's", other, Priority::Request);
        join(&mut line, &mut waits, "settlement", one, Priority::Settlement);
        assert_eq!(called(&mut waits), ["holder"]);
        let mut order = Vec::new();
        for leaving in [holder, one, one, other, one, one, one] {
            line.leave(leaving);
            order.extend(called(&mut waits));
        }
        let expected = ["settlement", "one's first", "other's", "one's second", "one's third", "background"];
        assert_eq!(order, expected);
        assert_eq!((line.free, line.waiting, line.working.len()), (1, 0, 0));
    }

    #[test]
    fn a_tenant_gets_its_share_and_no_more() {
        let (mut line, mut waits) = (Line::new(4, 3), Waits::new());
        let (greedy, other) = (tenant(), tenant());
        for _ in 0..5 {
            join(&mut line, &mut waits, "greedy", greedy, Priority::Request);
        }
        assert_eq!(called(&mut waits).len(), 3);
        join(&mut line, &mut waits, "other", other, Priority::Background);
        assert_eq!(called(&mut waits), ["other"], "the free place is for others, whatever their work");
        line.leave(other);
        assert!(called(&mut waits).is_empty());
        line.leave(greedy);
        assert_eq!(called(&mut waits), ["greedy"]);
    }

    #[test]
    fn who_gives_up_is_passed_over() {
        let (mut line, mut waits) = (Line::new(1, 1), Waits::new());
        let (holder, one) = (tenant(), tenant());
        join(&mut line, &mut waits, "holder", holder, Priority::Request);
        let (call, gone) = oneshot::channel();
        let ticket = line.join(one, Priority::Request, call).unwrap();
        join(&mut line, &mut waits, "behind", one, Priority::Request);
        line.give_up(&ticket);
        drop(gone);
        assert_eq!(line.waiting, 1);
        // And one that has gone without a word.
        let (call, _) = oneshot::channel();
        line.join(one, Priority::Settlement, call).unwrap();
        line.leave(holder);
        assert_eq!(called(&mut waits), ["holder", "behind"]);
    }

    #[test]
    fn endless_work_of_one_kind_lets_the_others_through() {
        let (mut line, mut waits) = (Line::new(1, 1), Waits::new());
        let one = tenant();
        join(&mut line, &mut waits, "request", one, Priority::Request);
        join(&mut line, &mut waits, "background", one, Priority::Background);
        for left in 1.. {
            assert!(left <= RELIEF, "the background never has its turn");
            join(&mut line, &mut waits, "request", one, Priority::Request);
            line.leave(one);
            if called(&mut waits).contains(&"background") {
                break;
            }
        }
    }

    #[test]
    fn the_line_is_bounded_and_so_is_a_tenants_part() {
        let mut line = Line::new(1, 1);
        let mut waits = Vec::new();
        let mut fill = |line: &mut Line, tenant| {
            let mut joined = 0;
            loop {
                let (call, called) = oneshot::channel();
                if line.join(tenant, Priority::Request, call).is_none() {
                    return joined;
                }
                waits.push(called);
                joined += 1;
            }
        };
        let greedy = tenant();
        assert_eq!(fill(&mut line, greedy), MOST_WAITING_OF_TENANT + 1);
        assert_eq!(fill(&mut line, tenant()), MOST_WAITING_OF_TENANT);
        assert_eq!(fill(&mut line, tenant()), 0);
        line.leave(greedy);
        assert_eq!(fill(&mut line, tenant()), 1);
    }
}
