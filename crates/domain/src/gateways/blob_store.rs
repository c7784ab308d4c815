//! The object store: files under keys that nobody guesses, written whole or not at all.

use std::{error::Error, fmt};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use uuid::Uuid;

use crate::{error::ValueError, ids::TenantId};

/// The key of a file: `<tenant>/<random>`, made by us and never out of a file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobKey(String);

impl BlobKey {
    /// A new key in a tenant's folder.
    #[must_use]
    pub fn new(tenant: TenantId, random: Uuid) -> Self {
        Self(format!("{}/{}", tenant.0.simple(), random.simple()))
    }

    /// Parses a stored key.
    ///
    /// # Errors
    /// `not_a_storage_key` for anything but two UUIDs in simple form around a slash.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        let valid = value.split('/').count() == 2
            && value.split('/').all(|part| part.len() == 32 && Uuid::try_parse(part).is_ok());
        if valid {
            Ok(Self(value.to_owned()))
        } else {
            Err(ValueError::new("storage_key", "not_a_storage_key", "is not a key of the object store"))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Bytes as they come or go.
pub type ByteStream = BoxStream<'static, Result<Bytes, BlobError>>;

/// A failure of the object store, or of the stream that is written to it.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such file.
    #[error("the file is not in the object store")]
    NotFound,
    /// There is no room (disk full, quota).
    #[error("the object store is full")]
    Full(#[source] Box<dyn Error + Send + Sync>),
    /// The bytes to write ended early or were refused by their source.
    #[error("the upload was not complete")]
    Source(#[source] Box<dyn Error + Send + Sync>),
    /// Anything else.
    #[error("the object store failed")]
    Backend(#[source] Box<dyn Error + Send + Sync>),
}

/// Keeps files.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// Writes a file as it streams in; it is there whole and durable when this returns, or not at
    /// all. Returns its length in bytes.
    ///
    /// # Errors
    /// [`BlobError::Source`] when the stream fails, [`BlobError::Full`] when there is no room.
    async fn put(&self, key: &BlobKey, content: ByteStream) -> Result<u64, BlobError>;

    /// Reads a file.
    ///
    /// # Errors
    /// [`BlobError::NotFound`].
    async fn get(&self, key: &BlobKey) -> Result<ByteStream, BlobError>;

    /// Removes a file; a missing one is no error.
    ///
    /// # Errors
    /// [`BlobError::Backend`].
    async fn remove(&self, key: &BlobKey) -> Result<(), BlobError>;

    /// The keys of a tenant's files, for the sweep of those that no row names, with their age in
    /// seconds.
    ///
    /// # Errors
    /// [`BlobError::Backend`].
    async fn list(&self, tenant: TenantId) -> Result<Vec<(BlobKey, u64)>, BlobError>;

    /// Short name for the column `storage_type` (`local`, `memory`).
    fn storage_type(&self) -> &'static str;
}
