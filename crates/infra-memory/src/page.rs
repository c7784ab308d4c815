//! Keyset pages over rows in memory.

use std::cmp::Reverse;

use domain::page::{Cursor, Page, PageRequest};

/// The page of `rows` that `request` names, newest first, ties broken by the greater id.
pub(crate) fn newest_first<'a, T: Clone + 'a>(
    rows: impl Iterator<Item = &'a T>,
    request: PageRequest,
    cursor_of: impl Fn(&T) -> Cursor,
) -> Page<T> {
    let key = |row: &T| {
        let cursor = cursor_of(row);
        (cursor.at, cursor.id)
    };
    let mut rows: Vec<&T> =
        rows.filter(|row| request.cursor.is_none_or(|cursor| key(row) < (cursor.at, cursor.id))).collect();
    rows.sort_unstable_by_key(|row| Reverse(key(row)));
    let rows = rows.into_iter().take(request.limit as usize + 1).cloned().collect();
    Page::from_rows(rows, request.limit, cursor_of)
}
