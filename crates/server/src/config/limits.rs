//! Bounds that an operator may set.

use app::quotas::Quotas;
use domain::usage::QuotaBounds;
use serde::{Deserialize, Serialize};

/// Bounds that an operator may set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    /// Most bytes of an uploaded file.
    pub(crate) upload_bytes: u64,
    /// Most API keys that a user may have, less those that are revoked.
    pub(crate) api_keys_per_user: u64,
    /// Most API keys that a tenant may have, less those that are revoked.
    pub(crate) api_keys_per_tenant: u64,
    /// Most collections that a user may have.
    pub(crate) collections_per_user: u64,
    /// Most collections that a tenant may have.
    pub(crate) collections_per_tenant: u64,
    /// Most conversations that a user may have.
    pub(crate) conversations_per_user: u64,
    /// Most conversations that a tenant may have.
    pub(crate) conversations_per_tenant: u64,
    /// Most files that a user may have in collections.
    pub(crate) files_per_user: u64,
    /// Most files that a tenant may have in collections.
    pub(crate) files_per_tenant: u64,
    /// Most bytes that the files of a user may have together.
    pub(crate) file_bytes_per_user: u64,
    /// Most bytes that the files of a tenant may have together.
    pub(crate) file_bytes_per_tenant: u64,
    /// Most answers that run at once for a user, less those asked for with API keys.
    pub(crate) running_per_user: u64,
    /// Most answers that run at once for an API key.
    pub(crate) running_per_api_key: u64,
    /// Seconds that the events of an ended answer are kept, for readers that resume.
    pub(crate) events_kept_seconds: u64,
    /// Documents that are ingested at once by this process; 0: none.
    pub(crate) ingest_workers: usize,
    /// Most connections at once.
    pub(crate) connections: usize,
}

impl LimitsConfig {
    /// The quotas.
    pub(crate) const fn quotas(&self) -> Quotas {
        Quotas {
            api_keys: QuotaBounds { per_user: self.api_keys_per_user, per_tenant: self.api_keys_per_tenant },
            collections: QuotaBounds { per_user: self.collections_per_user, per_tenant: self.collections_per_tenant },
            conversations: QuotaBounds {
                per_user: self.conversations_per_user,
                per_tenant: self.conversations_per_tenant,
            },
            files: QuotaBounds { per_user: self.files_per_user, per_tenant: self.files_per_tenant },
            file_bytes: QuotaBounds { per_user: self.file_bytes_per_user, per_tenant: self.file_bytes_per_tenant },
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let settings = app::Settings::default();
        let quotas = settings.quotas;
        Self {
            upload_bytes: settings.max_upload_bytes,
            api_keys_per_user: quotas.api_keys.per_user,
            api_keys_per_tenant: quotas.api_keys.per_tenant,
            collections_per_user: quotas.collections.per_user,
            collections_per_tenant: quotas.collections.per_tenant,
            conversations_per_user: quotas.conversations.per_user,
            conversations_per_tenant: quotas.conversations.per_tenant,
            files_per_user: quotas.files.per_user,
            files_per_tenant: quotas.files.per_tenant,
            file_bytes_per_user: quotas.file_bytes.per_user,
            file_bytes_per_tenant: quotas.file_bytes.per_tenant,
            running_per_user: settings.max_running_per_user,
            running_per_api_key: settings.max_running_per_api_key,
            events_kept_seconds: settings.events_kept.as_secs(),
            ingest_workers: settings.ingest_workers,
            connections: 25_000,
        }
    }
}
