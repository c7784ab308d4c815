//! What can go wrong on the way out.

use std::error::Error;

use super::resolver::NotPublic;

/// A failure of the guarded client. None of its messages holds an address; its sources are for the log.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The address is not one to connect to.
    #[error("the address is refused: {0}")]
    Forbidden(&'static str),
    /// No connection: refused, no such host, no handshake, not in time.
    #[error("the peer cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// Silence for too long.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The connection broke after the request was sent.
    #[error("the connection broke")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// What came is no HTTP, or more of it than allowed.
    #[error("the peer does not speak HTTP as it should")]
    Protocol(#[source] Box<dyn Error + Send + Sync>),
    /// The body is longer than allowed.
    #[error("the answer has more than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] Box<dyn Error + Send + Sync>),
}

impl EgressError {
    pub(super) fn setup(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Setup(error.into())
    }

    /// An error before the headers of the answer were there.
    pub(super) fn before_answer(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if find::<NotPublic>(&error).is_some() {
            Self::Forbidden(super::resolver::NOT_PUBLIC)
        } else if error.is_connect() {
            Self::Unreachable(error.into())
        } else if error.is_builder() {
            Self::Setup(error.into())
        } else {
            Self::broken(error)
        }
    }

    /// An error while the answer was read.
    pub(super) fn broken(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let is_interrupted = find::<std::io::Error>(&error).is_some();
        match find::<hyper::Error>(&error) {
            Some(cause) if !is_interrupted && cause.is_parse() => Self::Protocol(error.into()),
            _ => Self::Broken(error.into()),
        }
    }
}

/// The first cause of type `E`.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
