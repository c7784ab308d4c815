//! Sums over the ledger, and whether its books are right.

use domain::{
    access::{Actor, Permission, Scope},
    ids::{ConversationId, TenantId},
    money::Money,
    page::PageRequest,
    usage::{UsageFilter, UsageGroup, UsageGrouping, UsageTotals},
};

use super::Usage;
use crate::{App, Error, Result};

/// Sums by group with their total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageSummary {
    /// The groups by key.
    pub items: Vec<UsageGroup>,
    /// All of them together.
    pub total: UsageTotals,
}

impl Usage {
    /// Sums over the rows that the actor may see: its own, or the tenant's for its admins.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn summary(&self, actor: &Actor, filter: UsageFilter, by: UsageGrouping) -> Result<UsageSummary> {
        let tx = self.app.read(&self.app.parts.policy.allow(actor, Permission::UsageRead)?).await?;
        let items = tx.usage().summary(filter, by).await?;
        tx.commit().await?;
        let total = items
            .iter()
            .try_fold(UsageTotals::default(), |sum, group| sum.checked_add(group.totals))
            .ok_or_else(|| Error::internal("the sum leaves its range"))?;
        Ok(UsageSummary { items, total })
    }
}

/// Conversations of all tenants whose totals differ from their rows, for `banyan usage reconcile`.
///
/// # Errors
/// When the database is away.
pub async fn discrepancies_of(app: &App) -> Result<Vec<(TenantId, ConversationId, Money)>> {
    let mut found = Vec::new();
    let mut page = PageRequest::new(Some(domain::page::MAX_PAGE_LIMIT), None);
    loop {
        let tx = app.read(&Scope::system("reconcile usage")).await?;
        let tenants = tx.tenants().list(page).await?;
        tx.commit().await?;
        for tenant in &tenants.items {
            let tx = app.read(&Scope::system_in(tenant.id)).await?;
            let differences = tx.usage().discrepancies().await?;
            tx.commit().await?;
            found.extend(differences.into_iter().map(|(conversation, money)| (tenant.id, conversation, money)));
        }
        match tenants.next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(found),
        }
    }
}
