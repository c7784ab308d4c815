//! What one flush of a process appends to the streams that run in it.

use std::collections::HashMap;

use domain::{
    access::Scope,
    conversations::{StreamAppend, stored_events::to_stored},
    store::{Store, StoreError, Tx, append_alone},
};
use futures::future::BoxFuture;
use sea_orm::{FromQueryResult, prelude::Uuid};
use serde_json::json;

use super::streams::RUNS;
use crate::{
    SqlBackend, SqlRepos,
    sql::{Met, Sql},
};

#[derive(FromQueryResult)]
struct AppendedRow {
    id: Uuid,
    stop: bool,
}

/// [`Store::append_streams`] by units of work that `begin` opens and whose commit need not wait for the
/// disk: one for what a tenant has. What cannot go with others goes alone, which says why.
///
/// # Errors
/// Those of [`Store::append_streams`].
pub async fn append_by_tenant<B: SqlBackend>(
    store: &dyn Store,
    begin: impl Fn(Scope) -> BoxFuture<'static, Result<SqlRepos<B>, StoreError>> + Send,
    appends: &[StreamAppend],
) -> Result<Vec<Result<bool, StoreError>>, StoreError> {
    let mut outcomes = Vec::with_capacity(appends.len());
    for share in appends.chunk_by(|one, other| one.tenant_id == other.tenant_id) {
        let Some(StreamAppend { tenant_id, .. }) = share.first() else { continue };
        let tx = begin(Scope::system_in(*tenant_id)).await?;
        let stops = match tx.append_share(share).await {
            Ok(stops) => {
                Box::new(tx).commit().await?;
                stops
            }
            Err(error) => {
                tracing::warn!(%error, "streams cannot be flushed together; each goes alone");
                Box::new(tx).rollback().await?;
                vec![None; share.len()]
            }
        };
        for (append, stop) in share.iter().zip(stops) {
            outcomes.push(match stop {
                Some(stop) => Ok(stop),
                None => append_alone(store, append).await?,
            });
        }
    }
    Ok(outcomes)
}

impl<B: SqlBackend> SqlRepos<B> {
    /// Appends to streams of the scope's tenant; for each whether its reader asked to stop, `None` when
    /// nothing was changed.
    async fn append_share(&self, share: &[StreamAppend]) -> Result<Vec<Option<bool>>, StoreError> {
        if self.is_postgres() {
            let rows = self.returning::<AppendedRow>(self.append_at_once(share)?).await?;
            let stops: HashMap<Uuid, bool> = rows.into_iter().map(|AppendedRow { id, stop }| (id, stop)).collect();
            return Ok(share.iter().map(|append| stops.get(&append.lease.id.0).copied()).collect());
        }
        let mut stops = Vec::with_capacity(share.len());
        for StreamAppend { lease, events, lease_expires_at, .. } in share {
            stops.push(self.append_if_leased(*lease, events, *lease_expires_at).await?);
        }
        Ok(stops)
    }

    /// All appends as one statement, whose text is the same however many there are. Its parts see none of
    /// each other's changes, so a row of events is there exactly where its stream was changed.
    fn append_at_once(&self, share: &[StreamAppend]) -> Result<Sql<Met>, StoreError> {
        let tenant = self.tenant()?;
        let rows = share.iter().map(wanted).collect::<Result<Vec<_>, StoreError>>()?;
        let sql = Sql::new("streams.append_all", "WITH wanted AS MATERIALIZED (SELECT * FROM jsonb_to_recordset(")
            .bind(serde_json::Value::Array(rows))
            .text(") AS w(id uuid, epoch bigint, first bigint, last bigint, event_type text, data jsonb,")
            .text(" lease_expires_at timestamptz)), written AS (UPDATE streams s SET updated_at = ")
            .bind(self.now())
            .text(", lease_expires_at = w.lease_expires_at, last_event = COALESCE(w.last, s.last_event)")
            .text(" FROM wanted w WHERE s.id = w.id AND s.epoch = w.epoch AND s.")
            .text(RUNS)
            .text(" AND (w.first IS NULL OR s.last_event = w.first - 1) AND ")
            .of_tenant("s.tenant_id", tenant)
            .text(" RETURNING s.id, s.stop_requested_at IS NOT NULL AS stop, w.first, w.event_type, w.data)")
            .text(", added AS (INSERT INTO stream_events")
            .text(" (tenant_id, stream_id, number, event_type, data, created_at) SELECT ")
            .bind(tenant.tenant_id.0)
            .text(", id, first, event_type, data, ")
            .bind(self.now())
            .text(" FROM written WHERE first IS NOT NULL)")
            .text(" SELECT id, stop FROM written");
        Ok(sql)
    }
}

/// What the statement reads of one append.
fn wanted(append: &StreamAppend) -> Result<serde_json::Value, StoreError> {
    let StreamAppend { lease, events, lease_expires_at, .. } = append;
    Ok(json!({
        "id": lease.id,
        "epoch": lease.epoch,
        "first": events.first().map(|first| first.number),
        "last": events.last().map(|last| last.number),
        "event_type": events.first().map(|first| first.event.name()),
        "data": to_stored(events).map_err(|error| StoreError::Backend(Box::new(error)))?,
        "lease_expires_at": lease_expires_at,
    }))
}
