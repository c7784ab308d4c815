//! The right to read knowledge, as SQL: for the repositories here and for the backends' indexes.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{
    access::{Purpose, Rows, TenantScope},
    gateways::Readable,
    knowledge::Collection,
    store::StoreError,
};
use sea_orm::{QueryResult, prelude::Uuid};

use crate::{
    error::store_error,
    knowledge::rows::collections as stored,
    sql::{Met, Sql},
};

/// Ends the sub-query of an EXISTS that is to be asked for each row. PostgreSQL makes a join of any other, and as one
/// plan serves all tenants and the average one is small, it goes through all that a large one has.
pub const EACH: &str = " LIMIT 1 OFFSET 0";

/// Adds the condition that the collection `k` is of the scope's tenant and in reach.
#[must_use]
pub fn collection_in_reach<S>(sql: Sql<S>, scope: &TenantScope, purpose: Purpose) -> Sql<Met> {
    sql.in_reach::<stored::Entity>("k", scope, purpose)
}

/// Adds the condition that the source `s` of the collection `k` is in the scope's reach: as its
/// collection, but for one that its own visibility narrows to its owner. The caller joins `k` on tenant
/// and id.
#[must_use]
pub fn source_in_reach<S>(sql: Sql<S>, scope: &TenantScope, purpose: Purpose) -> Sql<Met> {
    source_is_not_narrowed(collection_in_reach(sql, scope, purpose).text(" AND "), scope, purpose)
}

/// Adds the condition that the own visibility of the source `s`, whose collection is in the scope's
/// reach, does not narrow it to others. See `Filter::admits_source` in `domain`.
#[must_use]
pub fn source_is_not_narrowed<S>(sql: Sql<S>, scope: &TenantScope, purpose: Purpose) -> Sql<S> {
    match scope.rows::<Collection>(purpose) {
        Rows::All | Rows::Nothing => sql.text("1 = 1"),
        Rows::Own(user) | Rows::OwnOrShown(user) => {
            sql.text("(COALESCE(s.visibility, 'shared') = 'shared' OR s.user_id = ").bind(user.0).text(")")
        }
        Rows::Shown => sql.text("COALESCE(s.visibility, 'shared') = 'shared'"),
    }
}

/// Adds the condition on the source `s` of the collection `k` that a query of the index may return
/// its current version: tenant, reach, and the collections that are asked for. The caller joins
/// `k` on tenant and id, and its own rows on `s.current_version_id`.
#[must_use]
pub fn source_is_readable<S>(sql: Sql<S>, scope: &TenantScope, readable: &Readable) -> Sql<Met> {
    let sql = sql.of_tenant("s.tenant_id", scope).text(" AND s.current_version_id IS NOT NULL AND ");
    let sql = source_in_reach(sql, scope, Purpose::Read);
    match &readable.collections {
        Some(ids) => sql.text(" AND s.collection_id IN ").bind_list(ids.iter().map(|id| id.0)),
        None => sql,
    }
}

/// A query for `id`, `chunk_count`, `generation` of the collections with chunks that the scope
/// reaches, among those that are asked for. Within them [`source_is_readable`] decides.
#[must_use]
pub fn collections(scope: &TenantScope, readable: &Readable) -> Sql<Met> {
    let sql = Sql::new("collections.readable", "SELECT k.id, k.chunk_count, k.generation FROM collections k WHERE ")
        .text("k.chunk_count > 0 AND ");
    let sql = collection_in_reach(sql, scope, Purpose::Read);
    match &readable.collections {
        Some(ids) => sql.text(" AND k.id IN ").bind_list(ids.iter().map(|id| id.0)),
        None => sql,
    }
}

/// A collection that [`collections`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Its id.
    pub id: Uuid,
    /// Chunks in it.
    pub chunk_count: i64,
    /// Its generation in the snapshot of the query.
    pub generation: i64,
}

impl Reached {
    /// Reads the rows of [`collections`].
    ///
    /// # Errors
    /// For a row that cannot be read.
    pub fn read(rows: &[QueryResult]) -> Result<Vec<Self>, StoreError> {
        let reached = |row: &QueryResult| {
            let (id, chunk_count) = (row.try_get("", "id")?, row.try_get("", "chunk_count")?);
            Ok(Self { id, chunk_count, generation: row.try_get("", "generation")? })
        };
        rows.iter().map(reached).collect::<Result<_, _>>().map_err(store_error)
    }
}

/// What the last question of a unit of work reached, for the next one in the same snapshot.
#[derive(Debug, Default)]
pub struct LastReached(Mutex<Option<(Readable, Arc<[Reached]>)>>);

impl LastReached {
    /// The collections, if the last question looked there too.
    pub fn get(&self, readable: &Readable) -> Option<Arc<[Reached]>> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|(of, _)| of == readable).map(|(_, reached)| Arc::clone(reached))
    }

    /// Keeps them.
    pub fn set(&self, readable: &Readable, reached: &Arc<[Reached]>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((readable.clone(), Arc::clone(reached)));
    }
}
