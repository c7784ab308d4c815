//! Sums over rows of the ledger.

use std::collections::BTreeMap;

use domain::{
    access::Filter,
    ids::ConversationId,
    money::Money,
    store::StoreError,
    usage::{
        UsageDay, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageTotals,
        daily::{Span, SummaryParts},
    },
};

use crate::state::State;

pub(super) fn totals_of(row: &UsageLog) -> UsageTotals {
    UsageTotals {
        requests: 1,
        input_tokens: row.tokens.input_tokens,
        output_tokens: row.tokens.output_tokens,
        cost: row.cost.unwrap_or(Money::ZERO),
        unknown_costs: u64::from(row.cost.is_none()),
    }
}

fn key_of(row: &UsageLog, by: UsageGrouping) -> String {
    match by {
        UsageGrouping::Model => format!("{}/{}", row.provider, row.model),
        UsageGrouping::User => row.user_id.map(|id| id.to_string()).unwrap_or_default(),
        UsageGrouping::Day => row.requested_at.format("%Y-%m-%d").to_string(),
        UsageGrouping::Agent => row.agent_type.as_str().to_owned(),
        UsageGrouping::Message if row.message_deleted => "deleted".to_owned(),
        UsageGrouping::Message => row.message_id.map(|id| id.to_string()).unwrap_or_default(),
    }
}

fn day_key_of(row: &UsageDay, by: UsageGrouping) -> String {
    match by {
        UsageGrouping::Model => format!("{}/{}", row.provider, row.model),
        UsageGrouping::User => row.user_id.map(|id| id.to_string()).unwrap_or_default(),
        UsageGrouping::Day => row.day.format("%Y-%m-%d").to_string(),
        // Sums by message are not kept.
        UsageGrouping::Agent | UsageGrouping::Message => row.agent_type.as_str().to_owned(),
    }
}

pub(super) fn add(sum: &mut UsageTotals, totals: UsageTotals) -> Result<(), StoreError> {
    let total = sum.checked_add(totals);
    *sum = total.ok_or_else(|| StoreError::Corrupt("the sum of the costs leaves its range".to_owned()))?;
    Ok(())
}

impl State {
    /// The rows in reach that the filter means.
    pub(super) fn usage_rows(&self, reach: Filter, filter: UsageFilter) -> impl Iterator<Item = &UsageLog> {
        let UsageFilter { from, to, conversation } = filter;
        self.all_reached(reach).filter(move |row: &&UsageLog| {
            from.is_none_or(|from| from <= row.requested_at)
                && to.is_none_or(|to| row.requested_at < to)
                && (conversation.is_none() || row.conversation_id == conversation)
        })
    }

    pub(super) fn usage_summary(
        &self,
        reach: Filter,
        filter: UsageFilter,
        by: UsageGrouping,
    ) -> Result<Vec<UsageGroup>, StoreError> {
        let folded = match reach {
            Filter::Within(tenant, _) if by != UsageGrouping::Message => {
                self.usage_folds.get(&tenant).and_then(|fold| fold.folded_before)
            }
            _ => None,
        };
        let SummaryParts { days, log, except } = SummaryParts::of(filter, folded);
        let mut groups: BTreeMap<String, UsageTotals> = BTreeMap::new();
        for Span { from, to } in log {
            for row in self.usage_rows(reach, UsageFilter { from, to, ..filter }) {
                add(groups.entry(key_of(row, by)).or_default(), totals_of(row))?;
            }
        }
        if let Some(days) = days {
            for row in self.all_reached::<UsageDay>(reach).filter(|row| days.holds(row.day)) {
                add(groups.entry(day_key_of(row, by)).or_default(), row.totals)?;
            }
            let late = self.usage_late.iter().filter(|late| days.holds(late.requested_at));
            for row in late.filter_map(|late| self.reached::<UsageLog>(reach, &late.log_id)) {
                add(groups.entry(key_of(row, by)).or_default(), totals_of(row))?;
            }
        }
        for Span { from, to } in except {
            for row in self.usage_rows(reach, UsageFilter { from, to, ..filter }) {
                let sum = groups.entry(key_of(row, by)).or_default();
                let less = sum.checked_sub(totals_of(row));
                *sum = less.ok_or_else(|| StoreError::Corrupt("kept sums are less than their rows".to_owned()))?;
            }
        }
        groups.retain(|_, totals| totals.requests > 0);
        Ok(groups.into_iter().map(|(key, totals)| UsageGroup { key, totals }).collect())
    }

    /// What is wrong in the books of the rows in reach, deleted conversations included.
    pub(super) fn usage_discrepancies(&self, reach: Filter) -> Result<Vec<(ConversationId, Money)>, StoreError> {
        let mut sums: BTreeMap<ConversationId, UsageTotals> = BTreeMap::new();
        for row in self.all_reached::<UsageLog>(reach) {
            if let Some(conversation) = row.conversation_id {
                add(sums.entry(conversation).or_default(), totals_of(row))?;
            }
        }
        let mut wrong = Vec::new();
        for conversation in self.conversations.iter().filter(|conversation| reach.admits(*conversation)) {
            let sum = sums.get(&conversation.id).copied().unwrap_or_default();
            if conversation.totals != sum {
                let difference = conversation.totals.cost.checked_sub(sum.cost);
                let difference = difference
                    .ok_or_else(|| StoreError::Corrupt("the difference of the costs leaves its range".to_owned()))?;
                wrong.push((conversation.id, difference));
            }
        }
        Ok(wrong)
    }
}
