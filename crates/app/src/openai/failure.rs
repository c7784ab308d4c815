//! How a completion fails, in its answer or before it, alone or as a turn: with the same kind and code.

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
}

impl Failure {
    /// A failure of our own.
    pub(super) fn new(kind: ErrorKind, (code, message): (&'static str, &str)) -> Self {
        Self { kind, code, message: message.to_owned() }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self { kind: error.kind, code: error.code, message: error.message.clone() }
    }
}

impl From<TurnFailure> for Failure {
    fn from(TurnFailure { code, message }: TurnFailure) -> Self {
        if let Some(kind) = GatewayErrorKind::ALL.into_iter().find(|kind| kind.code() == code) {
            return Self::from(&Error::from(GatewayError::new(kind, message)));
        }
        let known = OF_TURNS.iter().find(|(known, _)| *known == code);
        let (code, kind) = known.copied().unwrap_or((GatewayErrorKind::Failed.code(), ErrorKind::Upstream));
        Self { kind, code, message }
    }
}

impl From<Failure> for Error {
    fn from(Failure { kind, code, message }: Failure) -> Self {
        Self::new(kind, code, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_fails_as_a_completion_alone_does() {
        let of = |code: &str| Failure::from(TurnFailure { code: code.to_owned(), message: "so it is".to_owned() });
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
