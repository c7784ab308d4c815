//! Kept daily sums of the ledger: what they hold, and how a summary is put together of them and the ledger.
//!
//! # What is kept, and why no row is missed or counted twice
//! For each tenant two times are kept. Rows requested before `closed_before` that are added from then on are
//! noted as *late*, in the unit of work that adds them. Rows requested before `folded_before` (never after the
//! former) are *folded*: each is counted in the sums of its day, unless it is still noted as late.
//!
//! Folding ([`Store::fold_usage`](crate::store::Store::fold_usage)) first closes, and then waits until every
//! unit of work that may not have seen this has ended. From then on a row requested before `closed_before` is
//! either there for all to see, or noted. So a day can be added up as often as one likes: its kept sums become
//! those of the rows that are there and not noted, and the notes that were seen before are gone. Adding up a day
//! anew also takes in what came late, merges what deletions of users made alike, and repairs.
//!
//! A summary reads, of one snapshot, the sums of whole days, the noted rows of these days, and the ledger for
//! the rest: parts of days at both ends, and everything that is not folded yet.

use chrono::{Days, NaiveTime};

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{TenantId, UserId},
    usage::{AgentType, UsageFilter, UsageTotals},
};

/// The sums of one UTC day over the rows that are alike in all that a summary groups by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDay {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The day's midnight.
    pub day: Timestamp,
    /// Its place among the tenant's rows of this day, from 1.
    pub number: i64,
    /// Who caused the calls; `None` once that user is gone.
    pub user_id: Option<UserId>,
    /// What they were for.
    pub agent_type: AgentType,
    /// The provider.
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// The sums.
    pub totals: UsageTotals,
}

protected!(UsageDay: Usage, tenant |row| Some(row.tenant_id), owner |row| row.user_id, adding ByActor);

/// How far the ledger of a tenant has been folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folding {
    /// Everything that was asked for is.
    Done,
    /// There is more to do.
    Unfinished,
    /// A unit of work from before is still open; nothing was folded.
    Waiting,
}

/// A span of time, from its start and before its end; `None`: without bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Its start.
    pub from: Option<Timestamp>,
    /// Its end.
    pub to: Option<Timestamp>,
}

impl Span {
    /// Whether a time is in it.
    #[must_use]
    pub fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

/// Where the parts of a summary come from. The spans do not overlap and are together the one asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryParts {
    /// The days whose kept sums count, with the rows noted as late of the same span.
    pub days: Option<Span>,
    /// The rows of the ledger that count.
    pub log: Vec<Span>,
}

impl SummaryParts {
    /// What the sums of a filter's rows are put together of, when the ledger is folded before a time.
    ///
    /// The sums know nothing of conversations.
    // A day's sums hold its rows up to `folded`, so they may stand for the day where the span holds all of
    // those. At its start that is so from the first midnight in it on. At its end it is so for every day if the
    // span reaches `folded`, where the ledger takes over; else for the days before the end's own.
    #[must_use]
    pub fn of(filter: UsageFilter, folded: Option<Timestamp>) -> Self {
        let UsageFilter { from, to, conversation } = filter;
        let all = || Self { days: None, log: vec![Span { from, to }] };
        let Some(folded) = folded.filter(|_| conversation.is_none()) else { return all() };
        let Some(first) = from.map_or(Some(None), |from| first_midnight(from).map(Some)) else { return all() };
        let end = to.filter(|to| *to < folded).map_or(folded, midnight_of);
        if first.is_some_and(|first| end <= first) {
            return all();
        }
        let before = from.zip(first).filter(|(from, first)| from < first).map(|_| Span { from, to: first });
        let after = to.is_none_or(|to| end < to).then_some(Span { from: Some(end), to });
        Self { days: Some(Span { from: first, to: Some(end) }), log: [before, after].into_iter().flatten().collect() }
    }
}

/// The midnight with which a time's UTC day begins.
#[must_use]
pub fn midnight_of(at: Timestamp) -> Timestamp {
    at.date_naive().and_time(NaiveTime::MIN).and_utc()
}

/// The midnight with which a time's UTC day ends; `None` where time ends first.
#[must_use]
pub fn next_midnight(at: Timestamp) -> Option<Timestamp> {
    midnight_of(at).checked_add_days(Days::new(1))
}

/// The first midnight at or after a time.
fn first_midnight(at: Timestamp) -> Option<Timestamp> {
    if midnight_of(at) == at { Some(at) } else { next_midnight(at) }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;

    /// Hours after the midnight with which 2026-11-21 begins.
    fn hour(hours: i64) -> Timestamp {
        DateTime::from_timestamp(1_795_219_200, 0).unwrap() + TimeDelta::hours(hours)
    }

    fn parts(from: Option<i64>, to: Option<i64>, folded: i64) -> SummaryParts {
        let filter = UsageFilter { from: from.map(hour), to: to.map(hour), conversation: None };
        SummaryParts::of(filter, Some(hour(folded)))
    }

    fn span(from: Option<i64>, to: Option<i64>) -> Span {
        Span { from: from.map(hour), to: to.map(hour) }
    }

    #[test]
    fn whole_days_are_kept_and_the_rest_is_of_the_log() {
        let log = |from, to| SummaryParts { days: None, log: vec![span(from, to)] };
        let days = |from, to, log: &[(Option<i64>, Option<i64>)]| SummaryParts {
            days: Some(span(from, Some(to))),
            log: log.iter().map(|(from, to)| span(*from, *to)).collect(),
        };
        // Folded to the tenth hour of the third day.
        for (from, to, expected) in [
            (None, None, days(None, 58, &[(Some(58), None)])),
            (Some(0), Some(96), days(Some(0), 58, &[(Some(58), Some(96))])),
            (Some(5), Some(96), days(Some(24), 58, &[(Some(5), Some(24)), (Some(58), Some(96))])),
            (Some(0), Some(58), days(Some(0), 58, &[])),
            (Some(0), Some(57), days(Some(0), 48, &[(Some(48), Some(57))])),
            (Some(0), Some(48), days(Some(0), 48, &[])),
            (Some(1), Some(49), days(Some(24), 48, &[(Some(1), Some(24)), (Some(48), Some(49))])),
            (Some(48), None, days(Some(48), 58, &[(Some(58), None)])),
            (None, Some(30), days(None, 24, &[(Some(24), Some(30))])),
            // No whole day.
            (Some(1), Some(47), log(Some(1), Some(47))),
            (Some(49), None, log(Some(49), None)),
            (Some(58), None, log(Some(58), None)),
            (Some(72), Some(96), log(Some(72), Some(96))),
            (Some(24), Some(24), log(Some(24), Some(24))),
            (Some(30), Some(10), log(Some(30), Some(10))),
        ] {
            assert_eq!(parts(from, to, 58), expected, "{from:?} to {to:?}");
        }
        // Folded to a midnight, nothing of the day that begins is.
        assert_eq!(parts(Some(48), None, 48), log(Some(48), None));
    }

    #[test]
    fn the_parts_hold_each_time_once() {
        for folded in [0, 5, 24, 58, 72] {
            for from in (-30..100).step_by(7).map(Some).chain([None]) {
                for to in (-27..100).step_by(9).map(Some).chain([None]) {
                    let SummaryParts { days, log } = parts(from, to, folded);
                    for at in -40..110 {
                        let by_days = days.is_some_and(|days| days.holds(midnight_of(hour(at))) && at < folded);
                        let by_log = log.iter().filter(|span| span.holds(hour(at))).count();
                        let is_wanted = usize::from(span(from, to).holds(hour(at)));
                        assert_eq!(usize::from(by_days) + by_log, is_wanted, "{from:?} {to:?} {folded} {at}");
                        // Late rows go by their own time, as the sums by their day's.
                        let is_late = days.is_some_and(|days| days.holds(hour(at)));
                        assert_eq!(is_late, by_days, "{from:?} {to:?} {folded} {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_sums_do_not_know_is_of_the_log() {
        let of = UsageFilter { conversation: Some(uuid::Uuid::nil().into()), ..UsageFilter::default() };
        let log = |from| SummaryParts { days: None, log: vec![Span { from, to: None }] };
        assert_eq!(SummaryParts::of(of, Some(hour(0))), log(None));
        assert_eq!(SummaryParts::of(UsageFilter::default(), None), log(None));
        // After which no midnight comes.
        let last = Some(Timestamp::MAX_UTC);
        assert_eq!(SummaryParts::of(UsageFilter { from: last, ..UsageFilter::default() }, Some(hour(0))), log(last));
    }
}
