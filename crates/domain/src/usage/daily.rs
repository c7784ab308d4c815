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
//! A summary reads, of one snapshot, the sums of days, the noted rows of these days, and the ledger for the
//! rest: parts of days at both ends, and everything that is not folded yet. Of a day that is asked for in its greater
//! part the ledger tells what is too much.

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

/// Where the parts of a summary come from. Days and rows that count, less rows that are too much, are together
/// the span asked for, each row once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryParts {
    /// The days whose kept sums count, with the rows noted as late of the same span.
    pub days: Option<Span>,
    /// The rows of the ledger that count.
    pub log: Vec<Span>,
    /// Rows of these days that are not asked for.
    pub except: Vec<Span>,
}

impl SummaryParts {
    /// What the sums of a filter's rows are put together of, when the ledger is folded before a time.
    ///
    /// The sums know nothing of conversations.
    // A day's sums hold its rows up to `folded`. Where the span begins or ends within them, either those of its
    // rows that are asked for are read from the ledger and the day's sums left out, or the sums count less those
    // that are not, whichever span is shorter. Where it reaches `folded`, the ledger takes over from there. If no
    // day is left between both ends, everything is read from the ledger.
    #[must_use]
    pub fn of(filter: UsageFilter, folded: Option<Timestamp>) -> Self {
        let UsageFilter { from, to, conversation } = filter;
        let all = || Self { days: None, log: vec![Span { from, to }], except: Vec::new() };
        let Some(folded) = folded.filter(|_| conversation.is_none()) else { return all() };
        if from.is_some_and(|from| folded <= from) {
            return all();
        }
        let (mut log, mut except) = (Vec::new(), Vec::new());
        let span = |from, to| Span { from: Some(from), to: Some(to) };
        let first = from.map(|from| {
            let (midnight, end) = folded_day(from, folded);
            let is_rest_longer = from - midnight < end - from;
            let (parts, part) =
                if is_rest_longer { (&mut except, span(midnight, from)) } else { (&mut log, span(from, end)) };
            parts.extend(Some(part).filter(|part| part.from < part.to));
            if is_rest_longer { midnight } else { end }
        });
        let end = match to.filter(|to| *to < folded) {
            None => {
                log.extend(Some(Span { from: Some(folded), to }).filter(|_| to != Some(folded)));
                folded
            }
            Some(to) => {
                let (midnight, end) = folded_day(to, folded);
                let is_rest_longer = to - midnight < end - to;
                let (parts, part) =
                    if is_rest_longer { (&mut log, span(midnight, to)) } else { (&mut except, span(to, end)) };
                parts.extend(Some(part).filter(|part| part.from < part.to));
                if is_rest_longer { midnight } else { end }
            }
        };
        if first.is_some_and(|first| end <= first) {
            return all();
        }
        Self { days: Some(Span { from: first, to: Some(end) }), log, except }
    }
}

/// The day of a time before `folded`, as far as its sums hold it.
fn folded_day(at: Timestamp, folded: Timestamp) -> (Timestamp, Timestamp) {
    (midnight_of(at), next_midnight(at).map_or(folded, |next| next.min(folded)))
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
    fn days_are_kept_and_the_rest_is_of_the_log() {
        let spans = |list: &[(i64, i64)]| list.iter().map(|(from, to)| span(Some(*from), Some(*to))).collect();
        let log = |from, to| SummaryParts { days: None, log: vec![span(from, to)], except: vec![] };
        let days = |from, to, log: &[(i64, i64)], except: &[(i64, i64)]| SummaryParts {
            days: Some(span(from, Some(to))),
            log: spans(log),
            except: spans(except),
        };
        // Folded to the tenth hour of the third day.
        for (from, to, expected) in [
            (None, Some(96), days(None, 58, &[(58, 96)], &[])),
            (Some(0), Some(96), days(Some(0), 58, &[(58, 96)], &[])),
            (Some(5), Some(96), days(Some(0), 58, &[(58, 96)], &[(0, 5)])),
            (Some(19), Some(96), days(Some(24), 58, &[(19, 24), (58, 96)], &[])),
            (Some(0), Some(58), days(Some(0), 58, &[], &[])),
            (Some(0), Some(57), days(Some(0), 58, &[], &[(57, 58)])),
            (Some(0), Some(49), days(Some(0), 48, &[(48, 49)], &[])),
            (Some(0), Some(48), days(Some(0), 48, &[], &[])),
            (Some(1), Some(47), days(Some(0), 48, &[], &[(0, 1), (47, 48)])),
            (Some(48), Some(60), days(Some(48), 58, &[(58, 60)], &[])),
            (Some(50), Some(60), days(Some(48), 58, &[(58, 60)], &[(48, 50)])),
            (None, Some(30), days(None, 24, &[(24, 30)], &[])),
            // No day is left.
            (Some(1), Some(5), log(Some(1), Some(5))),
            (Some(19), Some(23), log(Some(19), Some(23))),
            (Some(55), None, log(Some(55), None)),
            (Some(58), None, log(Some(58), None)),
            (Some(72), Some(96), log(Some(72), Some(96))),
            (Some(24), Some(24), log(Some(24), Some(24))),
        ] {
            assert_eq!(parts(from, to, 58), expected, "{from:?} to {to:?}");
        }
        let open = SummaryParts { days: Some(span(None, Some(58))), log: vec![span(Some(58), None)], except: vec![] };
        assert_eq!(parts(None, None, 58), open);
        // Folded to a midnight, nothing of the day that begins is.
        assert_eq!(parts(Some(48), None, 48), log(Some(48), None));
    }

    #[test]
    fn the_parts_hold_each_time_once() {
        let counted = |spans: &[Span], at| spans.iter().filter(|span| span.holds(hour(at))).count();
        for folded in [0, 5, 24, 58, 72] {
            for from in (-30..100).step_by(7).map(Some).chain([None]) {
                for to in (-27..100).step_by(9).map(Some).chain([None]) {
                    let SummaryParts { days, log, except } = parts(from, to, folded);
                    for at in -40..110 {
                        let by_days = days.is_some_and(|days| days.holds(midnight_of(hour(at))) && at < folded);
                        let found = usize::from(by_days) + counted(&log, at);
                        let is_wanted = usize::from(span(from, to).holds(hour(at)));
                        let told = (from, to, folded, at);
                        assert_eq!(found, is_wanted + counted(&except, at), "{told:?}");
                        // Late rows go by their own time, as the sums by their day's.
                        assert_eq!(days.is_some_and(|days| days.holds(hour(at))), by_days, "{told:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_sums_do_not_know_is_of_the_log() {
        let of = UsageFilter { conversation: Some(uuid::Uuid::nil().into()), ..UsageFilter::default() };
        let log = |from| SummaryParts { days: None, log: vec![Span { from, to: None }], except: vec![] };
        assert_eq!(SummaryParts::of(of, Some(hour(0))), log(None));
        assert_eq!(SummaryParts::of(UsageFilter::default(), None), log(None));
        // After which no midnight comes.
        let last = Some(Timestamp::MAX_UTC);
        assert_eq!(SummaryParts::of(UsageFilter { from: last, ..UsageFilter::default() }, Some(hour(0))), log(last));
    }
}
