//! The bytes of an upload on their way to the object store.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use bytes::{Bytes, BytesMut};
use domain::{
    error::ValueError,
    gateways::{BlobError, BlobKey, ByteStream, ParseError, ParseErrorKind},
    ids::TenantId,
};
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind, Result, knowledge::Knowledge, quotas::FileRoom};

/// Bytes from which the type of a file is told.
const HEAD_BYTES: usize = 8 * 1024;

/// What became known of a file while it was stored.
pub(super) struct Stored {
    pub(super) key: BlobKey,
    pub(super) size_bytes: u64,
    pub(super) content_hash: String,
    pub(super) mime_type: &'static str,
}

impl Knowledge {
    /// Streams the content to the object store, hashing and bounding it on the way.
    pub(super) async fn store(
        &self,
        tenant_id: TenantId,
        filename: &str,
        mut content: ByteStream,
        room: Option<FileRoom>,
    ) -> Result<Stored> {
        let head = head_of(&mut content).await?;
        let sniffed = head.slice(..head.len().min(HEAD_BYTES));
        let mime_type = self.app.parts.parser.detect(&sniffed, filename).map_err(unsupported)?;
        let key = BlobKey::new(tenant_id, self.app.parts.ids.random());
        let most = self.app.parts.settings.max_upload_bytes;
        let limit = room.as_ref().map_or(most, |room| most.min(room.bytes));
        let hasher = Arc::new(Mutex::new(Sha256::new()));
        let too_large = Arc::new(AtomicBool::new(false));
        let hashed = {
            let (hasher, too_large) = (Arc::clone(&hasher), Arc::clone(&too_large));
            let mut seen = 0u64;
            stream::once(async move { Ok(head) }).chain(content).map(move |piece: Result<Bytes, BlobError>| {
                let piece = piece?;
                seen += piece.len() as u64;
                if seen > limit {
                    too_large.store(true, Ordering::Relaxed);
                    return Err(BlobError::Source("the file is over the limit".into()));
                }
                hasher.lock().unwrap_or_else(PoisonError::into_inner).update(&piece);
                Ok(piece)
            })
        };
        let stored = self.app.parts.blobs.put(&key, hashed.boxed()).await;
        if too_large.load(Ordering::Relaxed) {
            if let Some(room) = room.filter(|_| limit < most) {
                return Err(room.refusal);
            }
            let message =
                format!("the file has more than {limit} bytes; split it, or raise BANYAN_LIMITS__UPLOAD_BYTES");
            return Err(Error::new(ErrorKind::TooLarge, "too_large", message));
        }
        if matches!(stored, Err(BlobError::Full(_))) {
            self.app.look_whether_full().await;
        }
        let size_bytes = stored?;
        let digest = hasher.lock().unwrap_or_else(PoisonError::into_inner).clone().finalize();
        let content_hash = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Stored { key, size_bytes, content_hash, mime_type })
    }
}

/// The first pieces of a file, enough to tell its type.
async fn head_of(content: &mut ByteStream) -> Result<Bytes> {
    let mut head = BytesMut::new();
    while head.len() < HEAD_BYTES {
        match content.try_next().await? {
            Some(piece) => head.extend_from_slice(&piece),
            None => break,
        }
    }
    if head.is_empty() {
        return Err(ValueError::new("file", "empty", "is empty; send a file with something in it").into());
    }
    Ok(head.freeze())
}

fn unsupported(error: ParseError) -> Error {
    let kind = match error.kind {
        ParseErrorKind::Unsupported => ErrorKind::UnsupportedMediaType,
        ParseErrorKind::TooLarge => ErrorKind::TooLarge,
        ParseErrorKind::Encrypted | ParseErrorKind::Broken | ParseErrorKind::NoText | ParseErrorKind::Failed => {
            ErrorKind::Invalid
        }
    };
    let code = if kind == ErrorKind::UnsupportedMediaType { "unsupported_media_type" } else { "unreadable_file" };
    Error::new(kind, code, error.message)
}
