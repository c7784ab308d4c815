//! Sums over the ledger, and whether its books are right.

use chrono::NaiveDate;
use domain::{
    access::{Actor, Permission, Scope},
    ids::{ConversationId, TenantId},
    money::Money,
    page::{MAX_PAGE_LIMIT, PageRequest},
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
    for tenant in tenants_of(app).await? {
        let read = async |tx: &Uow| Ok(tx.usage().discrepancies().await?);
        let differences = app.query_in(&Scope::system_in(tenant), read).await?;
        found.extend(differences.into_iter().map(|(conversation, money)| (tenant, conversation, money)));
    }
    Ok(found)
}

/// A day whose kept sums were not those of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongDay {
    /// The tenant.
    pub tenant: TenantId,
    /// The UTC day.
    pub day: NaiveDate,
    /// The kept costs less those of the ledger.
    pub difference: Money,
}

/// Compares the kept daily sums of all tenants with the ledger, and adds up anew those that are wrong; for
/// `banyan usage reconcile`.
///
/// # Errors
/// When the database is away.
pub async fn right_the_sums(app: &App) -> Result<Vec<WrongDay>> {
    let mut found = Vec::new();
    for tenant in tenants_of(app).await? {
        let scope = Scope::system_in(tenant);
        let read = async |tx: &Uow| Ok(tx.usage().wrong_days().await?);
        for (day, difference) in app.query_in(&scope, read).await? {
            tracing::error!(%tenant, %day, difference = difference.0, "kept sums were wrong; they are added up anew");
            let refold = |tx: Uow| async move { Ok(tx.usage().refold(day).await?) };
            app.unaudited(&scope, "the ledger's rows are the record", refold).await?;
            found.push(WrongDay { tenant, day, difference });
        }
    }
    Ok(found)
}

async fn tenants_of(app: &App) -> Result<Vec<TenantId>> {
    let mut found = Vec::new();
    let mut page = PageRequest::new(Some(MAX_PAGE_LIMIT), None);
    loop {
        let read = async |tx: &Uow| Ok(tx.tenants().list(page).await?);
        let tenants = app.query_in(&Scope::system("reconcile usage"), read).await?;
        found.extend(tenants.items.iter().map(|tenant| tenant.id));
        match tenants.next {
            Some(cursor) => page.cursor = Some(cursor),
            None => return Ok(found),
        }
    }
}
