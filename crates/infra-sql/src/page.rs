//! Keyset pages, newest first, by (`created_at`, `id`).

use domain::page::PageRequest;

use crate::sql::{Met, Sql};

/// Adds the rest of a list's statement: where the page starts (after an existing condition), its
/// order, and one row more than it holds, which shows that there is a next page.
pub(crate) fn page(mut sql: Sql<Met>, alias: &'static str, page: PageRequest) -> Sql<Met> {
    if let Some(cursor) = page.cursor {
        sql = sql.text(" AND (").text(alias).text(".created_at, ").text(alias);
        sql = sql.text(".id) < (").bind(cursor.at).text(", ").bind(cursor.id).text(")");
    }
    sql.text(" ORDER BY ")
        .text(alias)
        .text(".created_at DESC, ")
        .text(alias)
        .text(".id DESC LIMIT ")
        .bind(i64::from(page.limit) + 1)
}
