//! The events of a completion: a list that only grows, so that its readers hold nothing up.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Writes the list; dropping it ends the list.
pub(super) struct LogWriter<T> {
    items: Arc<Mutex<Vec<T>>>,
    count: watch::Sender<usize>,
}

/// Reads the list from its beginning.
pub(super) struct LogReader<T> {
    items: Arc<Mutex<Vec<T>>>,
    count: watch::Receiver<usize>,
    next: usize,
}

/// A new list.
pub(super) fn log<T>() -> (LogWriter<T>, LogReader<T>) {
    let items = Arc::new(Mutex::new(Vec::new()));
    let (sender, count) = watch::channel(0);
    (LogWriter { items: Arc::clone(&items), count: sender }, LogReader { items, count, next: 0 })
}

impl<T> LogWriter<T> {
    /// Adds an item.
    pub(super) fn push(&self, item: T) {
        let count = {
            let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            items.push(item);
            items.len()
        };
        self.count.send_replace(count);
    }

    /// Waits until nobody reads the list any more.
    pub(super) async fn unread(&self) {
        self.count.closed().await;
    }
}

impl<T: Clone> LogReader<T> {
    /// The next item, which stays the next one.
    pub(super) async fn peek(&mut self) -> Option<T> {
        let item = self.next().await?;
        self.next -= 1;
        Some(item)
    }

    /// The next item; `None` after the last one.
    pub(super) async fn next(&mut self) -> Option<T> {
        loop {
            let item = {
                let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
                items.get(self.next).cloned()
            };
            if let Some(item) = item {
                self.next += 1;
                return Some(item);
            }
            let seen = *self.count.borrow_and_update();
            if seen <= self.next && self.count.changed().await.is_err() && *self.count.borrow() <= self.next {
                return None;
            }
        }
    }
}
