//! The tables, and what lists have in common.

use std::{cmp::Reverse, collections::HashMap};

use domain::{
    access::Protected,
    identity::User,
    ids::{TenantId, UserId},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::Tenant,
};

#[derive(Default, Clone)]
pub(crate) struct Tables {
    pub(crate) tenants: HashMap<TenantId, Tenant>,
    pub(crate) users: HashMap<UserId, User>,
    pub(crate) passwords: HashMap<UserId, String>,
}

/// A unique key that is taken, by its name in the schema.
pub(crate) fn conflict(constraint: &str) -> StoreError {
    StoreError::Conflict { constraint: constraint.to_owned() }
}

/// A page of rows, newest first; ids break ties.
pub(crate) fn newest_first<'a, T: Protected + Clone + 'a>(
    rows: impl Iterator<Item = &'a T>,
    page: PageRequest,
    place: impl Fn(&T) -> Cursor,
) -> Page<T> {
    let order = |cursor: Cursor| (cursor.at, cursor.id);
    let mut rows: Vec<T> = rows.cloned().collect();
    rows.sort_by_key(|row| Reverse(order(place(row))));
    rows.retain(|row| page.cursor.is_none_or(|cursor| order(place(row)) < order(cursor)));
    rows.truncate(page.limit as usize + 1);
    Page::from_rows(rows, page.limit, place)
}
