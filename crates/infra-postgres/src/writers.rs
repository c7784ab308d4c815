//! Waiting for the transactions that write the ledger.

use std::{collections::HashSet, time::Duration};

use domain::store::{Priority, StoreError};
use infra_sql::store_error;
use sqlx::Row;

use crate::{lease::Lease, pool::RolePool, unit::failed};

/// How often it is looked whether they have ended: a settlement takes some milliseconds.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How often at most.
const LOOKS: u32 = 100;

/// Those that write the ledger: from its first statement that does until its end, a transaction holds this
/// lock, which holds off nobody but who changes the table itself. All may read the view. It shows a lock that
/// is held throughout at least once, and each transaction has a number of its own, also before it has an id.
const WRITERS: &str = "SELECT DISTINCT virtualtransaction AS writer FROM pg_locks WHERE locktype = 'relation' \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND relation = 'usage_logs'::regclass AND mode = 'RowExclusiveLock' AND granted";

/// [`outlive_ledger_writers`](domain::store::Store::outlive_ledger_writers). A transaction lets its locks go after
/// others can see what it did, so whoever looks when all are gone sees that.
pub(crate) async fn outlive(pool: &RolePool) -> Result<bool, StoreError> {
    let mut waited_for = writers(pool).await?;
    for _ in 0..LOOKS {
        if waited_for.is_empty() {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        let now = writers(pool).await?;
        waited_for.retain(|writer| now.contains(writer));
    }
    Ok(waited_for.is_empty())
}

async fn writers(pool: &RolePool) -> Result<HashSet<String>, StoreError> {
    let read = |error| store_error(failed(error));
    let rows = Lease::run_alone(pool, None, Priority::Background, sqlx::query(WRITERS)).await?;
    rows.iter().map(|row| row.try_get("writer").map_err(read)).collect()
}
