//! A file that is stored and belongs to no source yet. If it never does, it goes again.

use domain::{gateways::BlobKey, knowledge::Collection};
use tokio::runtime::Handle;

use super::stored::Stored;
use crate::App;

/// A file that waits for what is said about it.
pub struct StagedFile {
    pub(super) collection: Collection,
    pub(super) filename: String,
    pub(super) stored: Stored,
    pub(super) unclaimed: Unclaimed,
}

impl StagedFile {
    /// Removes the file: it is refused.
    pub async fn discard(self) {
        self.unclaimed.remove().await;
    }
}

/// A stored file that no row names. Dropped, it is removed in the background.
pub(super) struct Unclaimed {
    app: App,
    key: Option<BlobKey>,
}

impl Unclaimed {
    pub(super) fn new(app: App, key: BlobKey) -> Self {
        Self { app, key: Some(key) }
    }

    /// A row names it, or may.
    pub(super) fn claim(mut self) {
        self.key = None;
    }

    /// Removes it. Stopped on the way, it is removed in the background.
    pub(super) async fn remove(mut self) {
        if let Some(key) = &self.key {
            remove(&self.app, key).await;
        }
        self.key = None;
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        // Without a runtime the process ends, and the sweep of another finds the file.
        if let (Some(key), Ok(_)) = (self.key.take(), Handle::try_current()) {
            let app = self.app.clone();
            self.app.parts.tasks.spawn(async move { remove(&app, &key).await });
        }
    }
}

async fn remove(app: &App, key: &BlobKey) {
    if let Err(error) = app.parts.blobs.remove(key).await {
        tracing::warn!(error = ?error, "an unused file stays until the sweep");
    }
}
