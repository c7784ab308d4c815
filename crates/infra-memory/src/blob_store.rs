//! Files in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use domain::{
    clock::{Clock, SystemClock, Timestamp},
    gateways::{BlobError, BlobKey, BlobStore, ByteStream},
    ids::TenantId,
};
use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

/// Most bytes that all files have together, unless another number is given.
const DEFAULT_MAX_BYTES: usize = 256 * 1024 * 1024;

/// Keeps files in the memory of this process.
pub struct MemoryBlobStore {
    clock: Arc<dyn Clock>,
    max_bytes: usize,
    files: Mutex<BTreeMap<String, File>>,
}

struct File {
    content: Bytes,
    written_at: Timestamp,
}

impl MemoryBlobStore {
    /// An empty store that holds at most 256 MiB.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_max_bytes(clock, DEFAULT_MAX_BYTES)
    }

    /// An empty store that holds at most `max_bytes` in all files together.
    #[must_use]
    pub fn with_max_bytes(clock: Arc<dyn Clock>, max_bytes: usize) -> Self {
        Self { clock, max_bytes, files: Mutex::default() }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn full(&self) -> BlobError {
        BlobError::Full(format!("the files in memory may have {} bytes together", self.max_bytes).into())
    }
}

impl Default for MemoryBlobStore {
    /// An empty store by the system's clock.
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

#[async_trait]
impl BlobStore for MemoryBlobStore {
    async fn put(&self, key: &BlobKey, mut content: ByteStream) -> Result<u64, BlobError> {
        let mut buffer = BytesMut::new();
        while let Some(piece) = content.try_next().await? {
            if buffer.len() + piece.len() > self.max_bytes {
                return Err(self.full());
            }
            buffer.extend_from_slice(&piece);
        }
        let length = buffer.len();
        let mut files = self.files();
        let others: usize =
            files.iter().filter(|(other, _)| *other != key.as_str()).map(|(_, file)| file.content.len()).sum();
        if others + length > self.max_bytes {
            return Err(self.full());
        }
        files.insert(key.as_str().to_owned(), File { content: buffer.freeze(), written_at: self.clock.now() });
        Ok(length as u64)
    }

    async fn get(&self, key: &BlobKey) -> Result<ByteStream, BlobError> {
        let content = self.files().get(key.as_str()).map(|file| file.content.clone()).ok_or(BlobError::NotFound)?;
        Ok(stream::iter([Ok(content)]).boxed())
    }

    async fn remove(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.files().remove(key.as_str());
        Ok(())
    }

    async fn list(&self, tenant: TenantId) -> Result<Vec<(BlobKey, u64)>, BlobError> {
        let now = self.clock.now();
        let first = BlobKey::new(tenant, Uuid::nil());
        let last = BlobKey::new(tenant, Uuid::max());
        let files = self.files();
        let range = files.range(first.as_str().to_owned()..=last.as_str().to_owned());
        range
            .map(|(key, file)| {
                let key = BlobKey::parse(key).map_err(|error| BlobError::Backend(Box::new(error)))?;
                Ok((key, (now - file.written_at).num_seconds().max(0).unsigned_abs()))
            })
            .collect()
    }

    fn storage_type(&self) -> &'static str {
        "memory"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(max_bytes: usize) -> MemoryBlobStore {
        MemoryBlobStore::with_max_bytes(Arc::new(SystemClock), max_bytes)
    }

    fn pieces(pieces: &[&'static str]) -> ByteStream {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        stream::iter(pieces).boxed()
    }

    async fn content(store: &MemoryBlobStore, key: &BlobKey) -> Option<Vec<u8>> {
        let pieces: Vec<Bytes> = store.get(key).await.ok()?.try_collect().await.unwrap();
        Some(pieces.concat())
    }

    #[tokio::test]
    async fn a_file_comes_back_as_it_was_written_until_it_is_removed() {
        let store = store(100);
        let tenant = TenantId(Uuid::from_u128(7));
        let key = BlobKey::new(tenant, Uuid::from_u128(1));
        assert_eq!(store.put(&key, pieces(&["ab", "", "c"])).await.unwrap(), 3);
        assert_eq!(content(&store, &key).await.unwrap(), b"abc");
        assert_eq!(store.list(tenant).await.unwrap(), [(key.clone(), 0)]);
        assert!(store.list(TenantId(Uuid::from_u128(8))).await.unwrap().is_empty());
        store.remove(&key).await.unwrap();
        store.remove(&key).await.unwrap();
        assert!(matches!(store.get(&key).await, Err(BlobError::NotFound)));
    }

    #[tokio::test]
    async fn a_broken_upload_leaves_what_was_there() {
        let store = store(100);
        let key = BlobKey::new(TenantId(Uuid::nil()), Uuid::nil());
        store.put(&key, pieces(&["old"])).await.unwrap();
        let broken = stream::iter([Ok(Bytes::from_static(b"new")), Err(BlobError::Source("cut".into()))]).boxed();
        assert!(matches!(store.put(&key, broken).await, Err(BlobError::Source(_))));
        assert_eq!(content(&store, &key).await.unwrap(), b"old");
    }

    #[tokio::test]
    async fn all_files_together_stay_within_the_bound() {
        let store = store(4);
        let key = |number| BlobKey::new(TenantId(Uuid::nil()), Uuid::from_u128(number));
        store.put(&key(1), pieces(&["abc"])).await.unwrap();
        assert!(matches!(store.put(&key(2), pieces(&["de"])).await, Err(BlobError::Full(_))));
        assert!(matches!(store.put(&key(2), pieces(&["d", "efgh"])).await, Err(BlobError::Full(_))));
        store.put(&key(1), pieces(&["abcd"])).await.unwrap();
    }
}
