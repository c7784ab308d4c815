//! Folding the ledger into daily sums.

use std::collections::{BTreeMap, btree_map::Entry};

use chrono::{NaiveDate, NaiveTime};
use domain::{
    clock::Timestamp,
    ids::TenantId,
    money::Money,
    store::StoreError,
    usage::{
        UsageDay, UsageLog, UsageTotals,
        daily::{Span, midnight_of, next_midnight},
    },
};

use super::{
    rows::{LateUsage, UsageFold},
    sums::{add, totals_of},
};
use crate::state::State;

/// What the rows of one sum have in common, behind their day.
type Alike = (Option<domain::ids::UserId>, &'static str, String, String);

impl State {
    /// Notes a row that was just added, if it is late.
    pub(super) fn note_late_usage(&mut self, row: &UsageLog) -> Result<(), StoreError> {
        let fold = self.usage_folds.get(&row.tenant_id);
        if fold.is_none_or(|fold| fold.closed_before <= row.requested_at) {
            return Ok(());
        }
        self.insert(LateUsage { tenant_id: row.tenant_id, log_id: row.id, requested_at: row.requested_at })
    }

    fn logs_of(&self, tenant: TenantId, span: Span) -> impl Iterator<Item = &UsageLog> {
        self.usage_logs.iter().filter(move |row| row.tenant_id == tenant && span.holds(row.requested_at))
    }

    fn late_of(&self, tenant: TenantId, span: Span) -> impl Iterator<Item = &LateUsage> {
        self.usage_late.iter().filter(move |late| late.tenant_id == tenant && span.holds(late.requested_at))
    }

    fn days_of(&self, tenant: TenantId) -> impl Iterator<Item = &UsageDay> {
        self.usage_daily.iter().filter(move |day| day.tenant_id == tenant)
    }

    pub(super) fn unfolded_tenants(&self, before: Timestamp, limit: u32) -> Vec<TenantId> {
        let folded = |tenant| self.usage_folds.get(&tenant).and_then(|fold: &UsageFold| fold.folded_before);
        let mut found: Vec<TenantId> = self
            .tenants
            .iter()
            .map(|tenant| tenant.id)
            .filter(|tenant| {
                let folded = folded(*tenant);
                let is_late = |to| self.late_of(*tenant, Span { from: None, to: Some(to) }).next().is_some();
                let unfolded = Span { from: folded, to: Some(before) };
                self.logs_of(*tenant, unfolded).next().is_some() || folded.is_some_and(is_late)
            })
            .collect();
        found.sort_by_key(|tenant| (folded(*tenant), *tenant));
        found.truncate(limit as usize);
        found
    }

    pub(super) fn fold_usage(&mut self, tenant: TenantId, before: Timestamp) -> Result<bool, StoreError> {
        let fold = self.usage_folds.get(&tenant).copied().filter(|fold| before <= fold.closed_before);
        let fold = fold.ok_or(StoreError::Stale)?;
        if let Some(folded) = fold.folded_before {
            let late = self.late_of(tenant, Span { from: None, to: Some(folded) });
            if let Some(first) = late.map(|late| late.requested_at).min() {
                self.add_up(tenant, midnight_of(first), folded)?;
                return Ok(true);
            }
            if before <= folded {
                return Ok(false);
            }
        }
        let unfolded = Span { from: fold.folded_before, to: Some(before) };
        let first = self.logs_of(tenant, unfolded).map(|row| row.requested_at).min();
        let end = match first {
            Some(first) => self.add_up(tenant, midnight_of(first), before)?,
            None => before,
        };
        self.replace(UsageFold { folded_before: Some(end), ..fold })?;
        Ok(end < before)
    }

    pub(super) fn refold_usage(&mut self, tenant: TenantId, day: NaiveDate) -> Result<(), StoreError> {
        let midnight = day.and_time(NaiveTime::MIN).and_utc();
        match self.usage_folds.get(&tenant).and_then(|fold| fold.folded_before) {
            Some(folded) if midnight < folded => self.add_up(tenant, midnight, folded).map(drop),
            _ => Ok(()),
        }
    }

    /// Makes the sums of a day those of its rows before a time; returns where they end.
    fn add_up(&mut self, tenant: TenantId, day: Timestamp, before: Timestamp) -> Result<Timestamp, StoreError> {
        let end = next_midnight(day).map_or(before, |next| next.min(before));
        let span = Span { from: Some(day), to: Some(end) };
        let late: Vec<_> = self.late_of(tenant, span).copied().collect();
        late.iter().try_for_each(|late| self.remove::<LateUsage>(&(late.tenant_id, late.log_id)))?;
        let numbers: Vec<_> = self.days_of(tenant).filter(|row| row.day == day).map(|row| row.number).collect();
        numbers.into_iter().try_for_each(|number| self.remove::<UsageDay>(&(tenant, day, number)))?;
        let mut sums: BTreeMap<Alike, UsageDay> = BTreeMap::new();
        for row in self.logs_of(tenant, span) {
            let totals = totals_of(row);
            let alike = (row.user_id, row.agent_type.as_str(), row.provider.clone(), row.model.clone());
            match sums.entry(alike) {
                Entry::Occupied(mut sum) => add(&mut sum.get_mut().totals, totals)?,
                Entry::Vacant(place) => {
                    place.insert(UsageDay {
                        tenant_id: tenant,
                        day,
                        number: 0,
                        user_id: row.user_id,
                        agent_type: row.agent_type,
                        provider: row.provider.clone(),
                        model: row.model.clone(),
                        totals,
                    });
                }
            }
        }
        for (number, sum) in (1..).zip(sums.into_values()) {
            self.insert(UsageDay { number, ..sum })?;
        }
        Ok(end)
    }

    pub(super) fn wrong_days(&self, tenant: TenantId) -> Result<Vec<(NaiveDate, Money)>, StoreError> {
        let Some(folded) = self.usage_folds.get(&tenant).and_then(|fold| fold.folded_before) else {
            return Ok(Vec::new());
        };
        // Of each sum what is kept, and what the rows say.
        let mut sums: BTreeMap<(NaiveDate, Alike), [UsageTotals; 2]> = BTreeMap::new();
        for UsageDay { day, user_id, agent_type, provider, model, totals, .. } in self.days_of(tenant) {
            let alike = (*user_id, agent_type.as_str(), provider.clone(), model.clone());
            add(&mut sums.entry((day.date_naive(), alike)).or_default()[0], *totals)?;
        }
        for row in self.logs_of(tenant, Span { from: None, to: Some(folded) }) {
            if self.usage_late.get(&(tenant, row.id)).is_none() {
                let alike = (row.user_id, row.agent_type.as_str(), row.provider.clone(), row.model.clone());
                add(&mut sums.entry((row.requested_at.date_naive(), alike)).or_default()[1], totals_of(row))?;
            }
        }
        let mut wrong: BTreeMap<NaiveDate, Money> = BTreeMap::new();
        for ((day, _), [kept, real]) in sums.into_iter().filter(|(_, [kept, real])| kept != real) {
            let difference = wrong.entry(day).or_default();
            let sum = kept.cost.checked_sub(real.cost).and_then(|one| difference.checked_add(one));
            *difference =
                sum.ok_or_else(|| StoreError::Corrupt("the difference of the costs leaves its range".to_owned()))?;
        }
        Ok(wrong.into_iter().collect())
    }
}
