//! How a completion fails, in its answer or before it, alone or as a turn: with the same kind and code.

use std::time::Duration;

use domain::{
    conversations::TurnFailure,
    gateways::{GatewayError, GatewayErrorKind},
};

use crate::{Error, ErrorKind};

/// Failures of our own that end a turn; those of providers have their kinds.
const OF_TURNS: &[(&str, ErrorKind)] = &[
    ("answer_too_long", ErrorKind::Upstream),
    ("answer_too_slow", ErrorKind::UpstreamTimeout),
    ("busy", ErrorKind::Unavailable),
    ("database_unavailable", ErrorKind::Unavailable),
    ("interrupted", ErrorKind::Unavailable),
    ("server_shutdown", ErrorKind::Unavailable),
    ("storage_full", ErrorKind::StorageFull),
];

/// Why a completion has no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub kind: ErrorKind,
    /// The stable code.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
    /// How long to wait before asking again, where that is known.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of our own.
    pub(super) fn new(kind: ErrorKind, (code, message): (&'static str, &str)) -> Self {
        Self { kind, code, message: message.to_owned(), retry_after: None }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let message = error.message.clone();
        Self { kind: error.kind, code: error.code, message, retry_after: error.retry_after }
    }
}

impl From<TurnFailure> for Failure {
    fn from(TurnFailure { code, message, retry_after }: TurnFailure) -> Self {
        let retry_after = retry_after.map(Duration::from_secs);
        if let Some(kind) = GatewayErrorKind::ALL.into_iter().find(|kind| kind.code() == code) {
            return Self { retry_after, ..Self::from(&Error::from(GatewayError::new(kind, message))) };
        }
        let known = OF_TURNS.iter().find(|(known, _)| *known == code);
        let (code, kind) = known.copied().unwrap_or((GatewayErrorKind::Failed.code(), ErrorKind::Upstream));
        Self { kind, code, message, retry_after }
    }
}

impl From<Failure> for Error {
    fn from(Failure { kind, code, message, retry_after }: Failure) -> Self {
        let mut error = Self::new(kind, code, message);
        error.retry_after = retry_after;
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_fails_as_a_completion_alone_does() {
        let of = |code: &str| Failure::from(TurnFailure::new(code, "so it is"));
        for kind in GatewayErrorKind::ALL {
            let alone = Error::from(GatewayError::new(kind, "so it is"));
            assert_eq!(of(kind.code()), Failure::from(&alone), "{kind:?}");
        }
        for (code, kind) in OF_TURNS {
            assert_eq!((of(code).code, of(code).kind), (*code, *kind));
        }
        let other = of("no_longer_known");
        assert_eq!((other.kind, other.code), (ErrorKind::Upstream, "upstream_failed"));
    }
}
