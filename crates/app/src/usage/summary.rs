//! Sums over the ledger, and whether its books are right.

use domain::{
    access::{Actor, Permission, Scope},
    ids::{ConversationId, TenantId},
    money::Money,
    page::PageRequest,
    usage::{UsageFilter, UsageGroup, UsageGrouping, UsageTotals},
};

use super::Usage;
use crate::{App, Error, Result, unit_of_work::Uow};

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
        let read = async |tx: &Uow| Ok(tx.usage().summary(filter, by).await?);
        let items = self.app.query(actor, Permission::UsageRead, read).await?;
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
        let read = async |tx: &Uow| Ok(tx.tenants().list(page).await?);
        let tenants = app.query_in(&Scope::system("reconcile usage"), read).await?;
        for tenant in &tenants.items {
            let read = async |tx: &Uow| Ok(tx.usage().discrepancies().await?);
            let differences = app.query_in(&Scope::system_in(tenant.id), read).await?;
            found.extend(differences.into_iter().map(|(conversation, money)| (tenant.id, conversation, money)));
        }
        match tenants.next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(found),
        }
    }
}
