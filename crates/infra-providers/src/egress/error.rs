//! What can go wrong on the way out.

use std::{error::Error, io};

use super::{
    BoxError,
    connector::NotThrough,
    resolver::{NOT_PUBLIC, NotPublic},
};

/// A failure of the guarded client. None of its messages holds an address; its sources are for the log.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The address is not one to connect to.
    #[error("the address is refused: {0}")]
    Forbidden(&'static str),
    /// No connection: refused, no such host, no handshake, not in time.
    #[error("the peer cannot be reached")]
    Unreachable(#[source] BoxError),
    /// The operator's proxy cannot be reached, or does not let through.
    #[error("the proxy cannot be passed")]
    Proxy(#[source] BoxError),
    /// The peer's certificate is not one of an authority that is trusted, or not for this name.
    #[error("the certificate of the peer is not trusted")]
    Certificate(#[source] BoxError),
    /// Silence for too long.
    #[error("the peer did not answer in time")]
    Timeout,
    /// The connection broke after the request was sent.
    #[error("the connection broke")]
    Broken(#[source] BoxError),
    /// What came is no HTTP, or more of it than allowed.
    #[error("the peer does not speak HTTP as it should")]
    Protocol(#[source] BoxError),
    /// The body is longer than allowed.
    #[error("the answer has more than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// The client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] BoxError),
}

impl EgressError {
    pub(super) fn setup(error: impl Into<BoxError>) -> Self {
        Self::Setup(error.into())
    }

    /// An error before there was a connection.
    pub(super) fn unconnected(error: BoxError) -> Self {
        let cause: &(dyn Error + 'static) = &*error;
        if find::<NotPublic>(cause).is_some() {
            Self::Forbidden(NOT_PUBLIC)
        } else if let Some(rustls::Error::InvalidCertificate(_)) = find(cause) {
            Self::Certificate(error)
        } else if find::<NotThrough>(cause).is_some() {
            Self::Proxy(error)
        } else {
            Self::Unreachable(error)
        }
    }

    /// An error while the request was sent or its answer read.
    pub(super) fn broken(error: hyper::Error) -> Self {
        let is_interrupted = find::<io::Error>(&error).is_some();
        if !is_interrupted && error.is_parse() { Self::Protocol(error.into()) } else { Self::Broken(error.into()) }
    }
}

/// The first cause of type `E`.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An I/O error that wraps another one does not give it as its source.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|wrapped| wrapped as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}
