//! Keeping the daily sums of the ledger.

use chrono::{DurationRound, TimeDelta};
use domain::{access::Scope, clock::Timestamp, ids::TenantId, usage::Folding};

use crate::{App, Result, unit_of_work::Uow};

/// What is folded ends with an hour that has been over for so long: a call that takes no longer is in the
/// ledger by then, and need not come late.
const MARGIN: TimeDelta = TimeDelta::minutes(10);
/// The ledger is folded by the hour, which bounds both what a summary reads of it and how often a day is added up.
const STEP: TimeDelta = TimeDelta::hours(1);
/// Most tenants whose ledgers are folded in one go.
const BATCH: u32 = 1_000;
/// Most days that are folded before it is looked whether the process is to end.
const DAYS_AT_ONCE: u32 = 10;

impl App {
    /// Folds the ledgers of all tenants as far as it is time. Whatever is not done, or fails, is read from the
    /// ledger until the next time.
    pub(crate) async fn fold_usage(&self) -> Result<()> {
        let Some(until) = self.now().checked_sub_signed(MARGIN) else { return Ok(()) };
        let Ok(before) = until.duration_trunc(STEP) else { return Ok(()) };
        let find = async |tx: &Uow| Ok(tx.usage().unfolded_tenants(before, BATCH).await?);
        for tenant in self.query_in(&Scope::system("find ledgers to fold"), find).await? {
            if let Err(error) = self.fold_tenant(tenant, before).await {
                tracing::warn!(%tenant, error = ?error, "a ledger is not folded yet; summaries read its rows");
            }
        }
        Ok(())
    }

    async fn fold_tenant(&self, tenant: TenantId, before: Timestamp) -> Result<()> {
        while !self.parts.shutdown.is_cancelled() {
            match self.parts.store.fold_usage(tenant, before, DAYS_AT_ONCE).await? {
                Folding::Unfinished => {}
                Folding::Waiting => {
                    tracing::info!(%tenant, "a ledger is not folded yet: a unit of work is open for long");
                    return Ok(());
                }
                Folding::Done => return Ok(()),
            }
        }
        Ok(())
    }
}
