//! The right to read knowledge, as SQL: for the repositories here and for the backends' indexes.

use domain::{
    access::{Area, Reach, TenantScope},
    gateways::Readable,
};

use crate::sql::Sql;

/// Adds the condition that the collection `k` is in the scope's reach (not the tenant itself).
#[must_use]
pub fn collection_in_reach(sql: Sql, scope: &TenantScope) -> Sql {
    match (scope.reach(Area::Knowledge), scope.user_id) {
        (Reach::Tenant, _) => sql.text("1 = 1"),
        (Reach::Own, Some(user)) => sql.text("k.user_id = ").bind(user.0),
        (Reach::Visible, Some(user)) => sql.text("(k.user_id = ").bind(user.0).text(" OR k.visibility = 'shared')"),
        (Reach::Visible, None) => sql.text("k.visibility = 'shared'"),
        (Reach::Own, None) | (Reach::Nothing, _) => sql.text("1 = 0"),
    }
}

/// Adds the condition that the source `s` of the collection `k` is in the scope's reach (not the
/// tenant itself): as its collection, but for one that its own visibility narrows to its owner.
#[must_use]
pub fn source_in_reach(sql: Sql, scope: &TenantScope) -> Sql {
    collection_in_reach(sql, scope).text(" AND ").then(|sql| source_is_not_narrowed(sql, scope))
}

/// Adds the condition that the own visibility of the source `s`, whose collection is in the scope's
/// reach, does not narrow it to others.
#[must_use]
pub fn source_is_not_narrowed(sql: Sql, scope: &TenantScope) -> Sql {
    match (scope.reach(Area::Knowledge), scope.user_id) {
        (Reach::Tenant | Reach::Nothing, _) => sql.text("1 = 1"),
        (Reach::Own | Reach::Visible, Some(user)) => {
            sql.text("(COALESCE(s.visibility, 'shared') = 'shared' OR s.user_id = ").bind(user.0).text(")")
        }
        (Reach::Own | Reach::Visible, None) => sql.text("COALESCE(s.visibility, 'shared') = 'shared'"),
    }
}

/// Adds the condition on the source `s` of the collection `k` that a query of the index may answer
/// its current version: tenant, reach, and the collections that are asked for. The caller joins
/// `k` on tenant and id, and its own rows on `s.current_version_id`.
#[must_use]
pub fn source_is_readable(sql: Sql, scope: &TenantScope, readable: &Readable) -> Sql {
    let sql = sql
        .text("s.tenant_id = ")
        .bind(scope.tenant_id.0)
        .text(" AND s.current_version_id IS NOT NULL AND ")
        .then(|sql| source_in_reach(sql, scope));
    match &readable.collections {
        Some(ids) => sql.text(" AND s.collection_id IN ").bind_list(ids.iter().map(|id| id.0)),
        None => sql,
    }
}

/// A query for `id`, `chunk_count`, `generation` of the collections with chunks that the scope
/// reaches, among those that are asked for. Within them [`source_is_readable`] decides.
#[must_use]
pub fn collections(scope: &TenantScope, readable: &Readable) -> Sql {
    let sql = Sql::new("SELECT k.id, k.chunk_count, k.generation FROM collections k WHERE k.tenant_id = ")
        .bind(scope.tenant_id.0)
        .text(" AND k.chunk_count > 0 AND ")
        .then(|sql| collection_in_reach(sql, scope));
    match &readable.collections {
        Some(ids) => sql.text(" AND k.id IN ").bind_list(ids.iter().map(|id| id.0)),
        None => sql,
    }
}
