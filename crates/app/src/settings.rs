//! What an operator may set, with its defaults.

use std::time::Duration;

use crate::quotas::Quotas;

/// Bounds and choices of the use cases.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The model of conversations that name none; `None`: `banyan/extractive`.
    pub default_chat_model: Option<String>,
    /// Most bytes of an uploaded file.
    pub max_upload_bytes: u64,
    /// What users and tenants may have of what is kept.
    pub quotas: Quotas,
    /// Most answers that run at once for a user, less those asked for with API keys.
    pub max_running_per_user: u64,
    /// Most answers that run at once for an API key: of a service, say, with many people behind it.
    pub max_running_per_api_key: u64,
    /// Most answers that run at once in a conversation.
    pub max_running_per_conversation: u64,
    /// How long a model may write one answer, whether somebody reads it or not.
    pub max_answer_time: Duration,
    /// How long a completion that nobody reads any more is still read to its end.
    pub max_unread_time: Duration,
    /// Most such completions in this process; beyond them the one that has been unread longest ends.
    pub max_unread: usize,
    /// How long the events of an answer are kept when it has ended, for readers that resume.
    pub events_kept: Duration,
    /// Ingestion jobs that run at once in this process; 0: this process does none.
    pub ingest_workers: usize,
    /// How long an access token works (at most ten minutes).
    pub access_token_life: Duration,
    /// A session that is not refreshed for this long ends.
    pub session_idle: Duration,
    /// A session ends after this, whatever happens.
    pub session_absolute: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_chat_model: None,
            max_upload_bytes: 100 * 1024 * 1024,
            quotas: Quotas::default(),
            max_running_per_user: 32,
            max_running_per_api_key: 2_048,
            max_running_per_conversation: 8,
            max_answer_time: Duration::from_secs(60 * 60),
            max_unread_time: Duration::from_secs(10 * 60),
            max_unread: 4_096,
            events_kept: Duration::from_secs(60 * 60),
            ingest_workers: 4,
            access_token_life: Duration::from_secs(10 * 60),
            session_idle: 14 * DAY,
            session_absolute: 90 * DAY,
        }
    }
}
