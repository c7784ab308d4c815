//! The object store in a local folder: `<root>/<tenant>/<random>`.
//!
//! A file is written under a temporary name beside its own, flushed, renamed, and its folder
//! flushed: `object_store` does so when told to (`with_fsync`). Folders are closed to other users
//! of the machine (0700), files as well (0600).

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use domain::{
    clock::Clock,
    gateways::{BlobError, BlobKey, BlobStore, ByteStream},
    ids::TenantId,
};
use futures::{StreamExt, TryStreamExt};
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path as ObjectPath,
};

/// Bytes that are written at once.
const WRITE_BYTES: usize = 1024 * 1024;
/// Age from which a temporary file is an orphan: no upload lasts as long.
const ORPHAN_SECONDS: u64 = 3600;

/// Keeps files in a local folder.
pub struct ObjectBlobStore {
    root: PathBuf,
    store: LocalFileSystem,
    clock: Arc<dyn Clock>,
}

impl ObjectBlobStore {
    /// Opens the store in a folder, makes the folder where it is missing, and removes what uploads
    /// left behind that a crash cut off more than an hour ago.
    ///
    /// # Errors
    /// [`BlobError::Backend`] when the folder cannot be made, read or written.
    pub async fn open(root: &Path, clock: Arc<dyn Clock>) -> Result<Self, BlobError> {
        let folder = root.to_owned();
        let now = SystemTime::from(clock.now());
        let store = blocking(move || {
            make_folder(&folder)?;
            remove_orphans(&folder, now)?;
            LocalFileSystem::new_with_prefix(&folder).map_err(io::Error::other)
        })
        .await?;
        Ok(Self { root: root.to_owned(), store: store.with_fsync(true), clock })
    }

    /// Writes the stream to the upload in pieces of [`WRITE_BYTES`].
    async fn write(upload: &mut dyn MultipartUpload, mut content: ByteStream) -> Result<u64, BlobError> {
        let mut buffer = BytesMut::with_capacity(WRITE_BYTES);
        let mut length = 0;
        while let Some(bytes) = content.try_next().await? {
            length += bytes.len() as u64;
            buffer.extend_from_slice(&bytes);
            if buffer.len() >= WRITE_BYTES {
                let payload = PutPayload::from(buffer.split().freeze());
                upload.put_part(payload).await.map_err(store_error)?;
            }
        }
        if !buffer.is_empty() {
            upload.put_part(PutPayload::from(buffer.freeze())).await.map_err(store_error)?;
        }
        upload.complete().await.map_err(store_error)?;
        Ok(length)
    }
}

#[async_trait]
impl BlobStore for ObjectBlobStore {
    async fn put(&self, key: &BlobKey, content: ByteStream) -> Result<u64, BlobError> {
        let file = self.root.join(key.as_str());
        if let Some(folder) = file.parent().map(Path::to_owned) {
            blocking(move || make_folder(&folder)).await?;
        }
        let mut upload = self.store.put_multipart(&object_path(key)).await.map_err(store_error)?;
        let length = match Self::write(upload.as_mut(), content).await {
            Ok(length) => length,
            Err(error) => {
                // The upload removes its own file when it is dropped, should this not do it.
                if let Err(left) = upload.abort().await {
                    tracing::debug!(error = %left, "an upload was cut off and its file is gone already");
                }
                return Err(error);
            }
        };
        blocking(move || close_file(&file)).await?;
        Ok(length)
    }

    async fn get(&self, key: &BlobKey) -> Result<ByteStream, BlobError> {
        let found = self.store.get(&object_path(key)).await.map_err(store_error)?;
        Ok(found.into_stream().map_err(store_error).map_ok(Bytes::from).boxed())
    }

    async fn remove(&self, key: &BlobKey) -> Result<(), BlobError> {
        match self.store.delete(&object_path(key)).await.map_err(store_error) {
            Ok(()) | Err(BlobError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, tenant: TenantId) -> Result<Vec<(BlobKey, u64)>, BlobError> {
        let prefix = ObjectPath::from(tenant.0.simple().to_string());
        let now = self.clock.now();
        let mut files = Vec::new();
        let mut found = self.store.list(Some(&prefix));
        while let Some(next) = found.next().await {
            let file = match next {
                Ok(file) => file,
                // A tenant without a file has no folder; a file may go while the folder is read.
                Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => return Err(store_error(error)),
            };
            // What is no key was not put here by us, and is left alone.
            if let Ok(key) = BlobKey::parse(file.location.as_ref()) {
                files.push((key, u64::try_from((now - file.last_modified).num_seconds()).unwrap_or(0)));
            }
        }
        Ok(files)
    }

    fn storage_type(&self) -> &'static str {
        "local"
    }
}

fn object_path(key: &BlobKey) -> ObjectPath {
    ObjectPath::from(key.as_str())
}

/// Runs file work off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, BlobError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| classify(error.into())),
        Err(error) => Err(BlobError::Backend(error.into())),
    }
}

fn store_error(error: object_store::Error) -> BlobError {
    match error {
        object_store::Error::NotFound { .. } => BlobError::NotFound,
        other => classify(other.into()),
    }
}

/// Distinguishes a full disk from other failures, by the cause at the end of the chain.
fn classify(error: Box<dyn Error + Send + Sync>) -> BlobError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>()
            && matches!(io.kind(), StorageFull | QuotaExceeded | FileTooLarge)
        {
            return BlobError::Full(error);
        }
        cause = current.source();
    }
    BlobError::Backend(error)
}

/// Makes a folder that only we may enter, durably; one that is there already is left as it is.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)?;
    #[cfg(unix)]
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// Closes a file to other users of the machine.
fn close_file(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Removes temporary files (`<random>#<number>`) that nobody writes any more.
fn remove_orphans(root: &Path, now: SystemTime) -> io::Result<()> {
    for tenant in std::fs::read_dir(root)? {
        let tenant = tenant?;
        if !tenant.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(tenant.path())? {
            let file = file?;
            let age = now.duration_since(file.metadata()?.modified()?).unwrap_or_default();
            if is_temporary(&file.file_name().to_string_lossy()) && age.as_secs() >= ORPHAN_SECONDS {
                tracing::info!(age_seconds = age.as_secs(), "an upload that a crash cut off is removed");
                std::fs::remove_file(file.path())?;
            }
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    name.split_once('#').is_some_and(|(key, number)| {
        key.len() == 32 && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
