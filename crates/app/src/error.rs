//! The error of every use case: what the public may read and what only the log may read, apart.

use std::{error::Error as StdError, fmt, time::Duration};

use domain::{
    access::Denied,
    error::ValueError,
    gateways::{BlobError, GatewayError, GatewayErrorKind},
    store::StoreError,
};
use uuid::Uuid;

/// When to try again where it is not known how long a cause lasts.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure, as far as a caller needs to react to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// A value breaks a rule (HTTP 422).
    Invalid,
    /// The credentials are missing or worth nothing (401).
    Unauthenticated,
    /// The right is missing, and that is no secret (403).
    Forbidden,
    /// There is no such thing, or not for this actor (404).
    NotFound,
    /// It was there and is kept no longer (410).
    Gone,
    /// The state does not allow it (409).
    Conflict,
    /// The named version is not the present one (412).
    PreconditionFailed,
    /// Too many bytes (413).
    TooLarge,
    /// A type of file that is not accepted (415).
    UnsupportedMediaType,
    /// Too many at once or in a span of time (429).
    TooManyRequests,
    /// A provider failed (502).
    Upstream,
    /// A provider did not answer in time (504).
    UpstreamTimeout,
    /// The database is away or everything is busy (503).
    Unavailable,
    /// No room for what should be stored (507).
    StorageFull,
    /// The storage backend does not have it (501).
    Unsupported,
    /// Our fault (500).
    Internal,
}

/// A failed use case.
#[derive(Debug)]
pub struct Error {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// A stable code in snake case.
    pub code: &'static str,
    /// A sentence for the user that says what to do, in lower case without a full stop.
    pub message: String,
    /// The fields that are wrong, for [`ErrorKind::Invalid`].
    pub fields: Vec<ValueError>,
    /// Further facts for the caller (the present head, an existing id), as a JSON object.
    pub details: Option<serde_json::Value>,
    /// The thing that was not found, for the audit log: its kind and id. Never told to the caller.
    pub missing: Option<(&'static str, Option<Uuid>)>,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// The cause, for the log only.
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, code, message, fields: Vec::new(), details: None, missing: None, retry_after: None, source: None }
    }

    /// What does not exist, or not for this actor: the same words for everything.
    #[must_use]
    pub fn not_found(entity: &'static str, id: impl Into<Uuid>) -> Self {
        let error = Self::new(ErrorKind::NotFound, "not_found", "there is no such thing, or you may not see it");
        Self { missing: Some((entity, Some(id.into()))), ..error }
    }

    /// Credentials that are worth nothing, for whatever reason: the same words for every reason.
    #[must_use]
    pub fn unauthenticated() -> Self {
        let message =
            "sign in, or send a valid access token or API key as 'Authorization: Bearer …' (or as 'x-api-key')";
        Self::new(ErrorKind::Unauthenticated, "unauthenticated", message)
    }

    /// Our fault, with its cause for the log.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "something went wrong on our side; the request id finds it in the log";
        Self::new(ErrorKind::Internal, "internal", message).because(source)
    }

    /// More is asked for than can be done at the moment; nothing was changed.
    pub fn busy(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let message = "the server has more to do than it can at the moment; try again in a second";
        Self::new(ErrorKind::Unavailable, "busy", message).retry_after(RETRY_AFTER).because(source)
    }

    /// The same with its cause, for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same with further facts for the caller.
    #[must_use]
    pub fn with_details(mut self, details: serde_json::Value) -> Self {
        self.details = Some(details);
        self
    }

    /// The same with a time to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Whether the whole unit of work may succeed when it is done again at once.
    pub(crate) fn is_retryable(&self) -> bool {
        let store = self.source.as_deref().and_then(|source| source.downcast_ref::<StoreError>());
        match store {
            Some(StoreError::Retry) => true,
            // Two requests with one key raced; the loser finds the winner's answer.
            Some(StoreError::Conflict { constraint }) => constraint.contains("idempotency"),
            _ => false,
        }
    }

    /// Whether the store refused what was to be written as such: the same will be refused again.
    pub(crate) fn is_refused(&self) -> bool {
        let store = self.source.as_deref().and_then(|source| source.downcast_ref::<StoreError>());
        let refusals = |error: &StoreError| {
            matches!(error, StoreError::Check(_) | StoreError::ForeignKey | StoreError::Conflict { .. })
        };
        store.is_some_and(refusals) && !self.is_retryable()
    }

    /// Whether the cause is a conflict on a constraint whose name holds `part`.
    pub(crate) fn is_conflict_on(&self, part: &str) -> bool {
        let store = self.source.as_deref().and_then(|source| source.downcast_ref::<StoreError>());
        matches!(store, Some(StoreError::Conflict { constraint }) if constraint.contains(part))
    }

    /// Returns this error, or where its cause is a conflict on a constraint whose name holds `part`, one that says
    /// in words what is taken.
    pub(crate) fn taken(self, part: &str, code: &'static str, message: &'static str) -> Self {
        if self.is_conflict_on(part) { Self::new(ErrorKind::Conflict, code, message).because(self) } else { self }
    }

    /// Whether the cause is a lease, fence or version that is no longer ours.
    pub(crate) fn is_stale(&self) -> bool {
        let store = self.source.as_deref().and_then(|source| source.downcast_ref::<StoreError>());
        matches!(store, Some(StoreError::Stale))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<ValueError> for Error {
    fn from(error: ValueError) -> Self {
        // What concerns no field says itself what it concerns.
        let message = match error.field.as_str() {
            "" => error.message.clone(),
            field => format!("{field} {}", error.message),
        };
        let mut invalid = Self::new(ErrorKind::Invalid, "invalid", message);
        invalid.fields.push(error);
        invalid
    }
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::MissingPermission(permission) => {
                let message = format!("you need the permission '{permission}'; ask an admin of your tenant");
                Self::new(ErrorKind::Forbidden, "forbidden", message)
            }
            Denied::NoTenant => {
                let message = "name the tenant to act in with the header 'X-Banyan-Tenant'";
                Self::new(ErrorKind::Forbidden, "no_tenant", message)
            }
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                let away = "the database is not available at the moment; try again";
                Self::new(ErrorKind::Unavailable, "database_unavailable", away).retry_after(RETRY_AFTER).because(error)
            }
            StoreError::Full(_) => {
                let message =
                    "there is no room on the disk of the database; nothing was changed: free some and try again";
                Self::new(ErrorKind::StorageFull, "storage_full", message).because(error)
            }
            // A transaction that lost as often as it was tried met too many others.
            StoreError::Busy(_) | StoreError::Retry => Self::busy(error),
            StoreError::Conflict { .. } => {
                Self::new(ErrorKind::Conflict, "conflict", "something with this name or key exists already")
                    .because(error)
            }
            StoreError::Stale => {
                Self::new(ErrorKind::Conflict, "stale", "it was changed by someone else; read it again").because(error)
            }
            StoreError::Unsupported(_) => {
                Self::new(ErrorKind::Unsupported, "unsupported", "the storage of this installation does not have it")
                    .because(error)
            }
            StoreError::ForeignKey
            | StoreError::Check(_)
            | StoreError::Poisoned
            | StoreError::OutOfScope(_)
            | StoreError::Corrupt(_)
            | StoreError::Backend(_) => Self::internal(error),
        }
    }
}

impl From<GatewayError> for Error {
    fn from(error: GatewayError) -> Self {
        let kind = match error.kind {
            // What a request names and is not there, as a collection that it names.
            GatewayErrorKind::UnknownModel => ErrorKind::NotFound,
            GatewayErrorKind::InvalidRequest | GatewayErrorKind::ContextLength | GatewayErrorKind::ContentFilter => {
                ErrorKind::Invalid
            }
            GatewayErrorKind::RateLimited => ErrorKind::TooManyRequests,
            GatewayErrorKind::Timeout => ErrorKind::UpstreamTimeout,
            GatewayErrorKind::Unreachable
            | GatewayErrorKind::Unauthorized
            | GatewayErrorKind::Failed
            | GatewayErrorKind::Protocol
            | GatewayErrorKind::Interrupted
            | GatewayErrorKind::Forbidden => ErrorKind::Upstream,
        };
        let mut mapped = Self::new(kind, error.kind.code(), error.message.clone());
        mapped.retry_after = error.retry_after;
        mapped.because(error)
    }
}

impl From<BlobError> for Error {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Full(_) => {
                let message = "there is no room for the file; free space on the server's disk and try again";
                Self::new(ErrorKind::StorageFull, "storage_full", message).because(error)
            }
            BlobError::Source(_) => {
                let message = "the upload ended before the file was complete; send it again";
                Self::new(ErrorKind::Invalid, "upload_incomplete", message).because(error)
            }
            BlobError::NotFound | BlobError::Backend(_) => Self::internal(error),
        }
    }
}
