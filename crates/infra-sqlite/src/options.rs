//! Settings of the store, with their defaults.

use std::time::Duration;

/// Sizes and times of an SQLite store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Connections that only read.
    pub readers: u32,
    /// How long a unit of work waits for its turn before the database counts as busy.
    pub acquire_timeout: Duration,
    /// How long SQLite waits for another process that has locked the file (a backup, say).
    pub busy_timeout: Duration,
    /// Bytes of memory for the vectors of collections, as codes; 0: the database's own index answers.
    pub vector_cache_bytes: u64,
    /// Bytes of memory for the words of collections; 0: the database's own index answers.
    pub words_cache_bytes: u64,
    /// Bytes of memory for pages of the file, per connection.
    pub page_cache_bytes: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            readers: 4,
            acquire_timeout: Duration::from_secs(2),
            busy_timeout: Duration::from_secs(5),
            vector_cache_bytes: 512 * 1024 * 1024,
            words_cache_bytes: 256 * 1024 * 1024,
            page_cache_bytes: 16 * 1024 * 1024,
        }
    }
}
