//! Walking through pages.

use domain::page::{Page, PageRequest};

/// Most items of a list in any case: a list that goes round in a circle ends here.
const MAX_ITEMS: usize = 1_000;

/// Reads a list page by page to its end, and checks that only the last page is not full.
pub(crate) async fn walk<T>(limit: u32, read: impl AsyncFn(PageRequest) -> Page<T>) -> Vec<T> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let page = read(PageRequest::new(Some(limit), cursor)).await;
        assert!(page.items.len() <= limit as usize, "a page holds no more than its limit");
        items.extend(page.items);
        assert!(items.len() <= MAX_ITEMS, "the pages do not come to an end");
        cursor = page.next;
        if cursor.is_none() {
            return items;
        }
        assert_eq!(items.len() % limit as usize, 0, "a page with a next one is full");
    }
}
