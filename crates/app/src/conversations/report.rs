//! What a conversation cost, exactly: the active branch, the rest, and overhead.

use std::collections::HashSet;

use domain::{
    access::{Actor, Permission},
    ids::ConversationId,
    usage::{UsageFilter, UsageGrouping, UsageTotals},
};

use crate::{
    Error, Result,
    conversations::{Conversations, tree::conversation},
    unit_of_work::Uow,
};

/// Messages of the branch that are read at once.
const PATH_BATCH: u32 = 1_000;

/// One share of a conversation's cost.
pub type UsageShare = UsageTotals;

/// The cost report of a conversation. `total = on_path + off_path + overhead`, to the last digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UsageReport {
    /// All rows of the conversation.
    pub total: UsageShare,
    /// Answers on the active branch.
    pub on_path: UsageShare,
    /// Answers on other branches, and deleted ones.
    pub off_path: UsageShare,
    /// Titles, routing, embeddings of questions.
    pub overhead: UsageShare,
}

impl Conversations {
    /// The cost report.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn usage(&self, actor: &Actor, id: ConversationId) -> Result<UsageReport> {
        let read = async |tx: &Uow| {
            let conversation = conversation(tx, id).await?;
            let mut on_path = HashSet::new();
            let mut last = conversation.current_message_id;
            while let Some(id) = last {
                let messages = tx.messages().branch(id, PATH_BATCH).await?;
                last = messages.first().and_then(|first| first.parent_id);
                on_path.extend(messages.iter().map(|message| message.id.to_string()));
            }
            let filter = UsageFilter { conversation: Some(id), ..UsageFilter::default() };
            Ok((on_path, tx.usage().summary(filter, UsageGrouping::Message).await?))
        };
        let (on_path, groups) = self.app.query(actor, Permission::UsageRead, read).await?;
        let mut report = UsageReport::default();
        for group in groups {
            let share = if group.key.is_empty() {
                &mut report.overhead
            } else if on_path.contains(&group.key) {
                &mut report.on_path
            } else {
                &mut report.off_path
            };
            *share = share.checked_add(group.totals).ok_or_else(|| Error::internal("the sum leaves its range"))?;
            report.total =
                report.total.checked_add(group.totals).ok_or_else(|| Error::internal("the sum leaves its range"))?;
        }
        Ok(report)
    }
}
