//! Wake-ups between tasks and instances: hints that something changed. The tables are the truth;
//! a lost wake-up costs at most one polling interval.

use async_trait::async_trait;
use futures::stream::BoxStream;
use uuid::Uuid;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// There is new work in `jobs`.
    Jobs,
    /// A stream has new events.
    Stream(Uuid),
    /// A stream was asked to stop: its flush is due, which sees it.
    Flush(Uuid),
    /// A session, key or user lost rights: cached actors of this user are stale.
    Access(Uuid),
}

impl Topic {
    /// The wire form: `jobs`, `stream:<uuid>`, `flush:<uuid>`, `access:<uuid>`.
    #[must_use]
    pub fn encode(self) -> String {
        match self {
            Self::Jobs => "jobs".to_owned(),
            Self::Stream(id) => format!("stream:{id}"),
            Self::Flush(id) => format!("flush:{id}"),
            Self::Access(id) => format!("access:{id}"),
        }
    }

    /// Reads the wire form; `None` for what another version may send.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "jobs" => Some(Self::Jobs),
            Some(("stream", id)) => Uuid::try_parse(id).ok().map(Self::Stream),
            Some(("flush", id)) => Uuid::try_parse(id).ok().map(Self::Flush),
            Some(("access", id)) => Uuid::try_parse(id).ok().map(Self::Access),
            _ => None,
        }
    }
}

/// Sends and receives wake-ups, in this process and, where the backend can, in others.
#[async_trait]
pub trait Wakeups: Send + Sync + 'static {
    /// Sends a wake-up; failures are logged, never returned, as polling makes up for them.
    async fn send(&self, topic: Topic);

    /// All wake-ups from now on. A receiver that lags misses some.
    fn subscribe(&self) -> BoxStream<'static, Topic>;
}
