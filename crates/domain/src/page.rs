//! Keyset pages: a list returns a page and where the next one starts.

use uuid::Uuid;

use crate::clock::Timestamp;

/// Items of a page when the caller names no number.
pub const DEFAULT_PAGE_LIMIT: u32 = 50;
/// Most items of one page.
pub const MAX_PAGE_LIMIT: u32 = 200;

/// The place of the last item of a page in the order (`created_at`, `id`), newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Creation time of that item.
    pub at: Timestamp,
    /// Its id, which breaks ties.
    pub id: Uuid,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Most items of a page, 1 to [`MAX_PAGE_LIMIT`].
    pub limit: u32,
    /// Where the previous page ended; absent: from the start.
    pub cursor: Option<Cursor>,
}

impl PageRequest {
    /// A request whose limit is brought into its bounds.
    #[must_use]
    pub fn new(limit: Option<u32>, cursor: Option<Cursor>) -> Self {
        Self { limit: limit.unwrap_or(DEFAULT_PAGE_LIMIT).clamp(1, MAX_PAGE_LIMIT), cursor }
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::new(None, None)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C = Cursor> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page starts; absent on the last page.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Builds a page out of up to `limit + 1` rows: the one too many only shows that there is more.
    #[must_use]
    pub fn from_rows(mut rows: Vec<T>, limit: u32, cursor_of: impl Fn(&T) -> C) -> Self {
        let limit = limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor_of) } else { None };
        Self { items: rows, next }
    }
}
