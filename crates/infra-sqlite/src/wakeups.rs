//! Wake-ups inside the process: one process serves an SQLite file.

use async_trait::async_trait;
use domain::gateways::{Topic, Wakeups};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::sync::broadcast::{self, error::RecvError};

/// Wake-ups that a slow receiver may have before it; older ones are missed.
const CAPACITY: usize = 1024;

/// Delivers wake-ups to the tasks of this process.
#[derive(Debug, Clone)]
pub struct SqliteWakeups {
    sender: broadcast::Sender<Topic>,
}

impl SqliteWakeups {
    /// Begins without receivers.
    #[must_use]
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }
}

impl Default for SqliteWakeups {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Wakeups for SqliteWakeups {
    async fn send(&self, topic: Topic) {
        // Nobody listening is no failure.
        let _ = self.sender.send(topic);
    }

    fn subscribe(&self) -> BoxStream<'static, Topic> {
        stream::unfold(self.sender.subscribe(), async |mut receiver| {
            loop {
                match receiver.recv().await {
                    Ok(topic) => return Some((topic, receiver)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_receiver_hears_what_is_sent_after_it_subscribed() {
        let wakeups = SqliteWakeups::new();
        wakeups.send(Topic::Jobs).await;
        let (mut first, mut second) = (wakeups.subscribe(), wakeups.subscribe());
        let topic = Topic::Stream(uuid::Uuid::from_u128(7));
        wakeups.send(topic).await;
        assert_eq!(first.next().await, Some(topic));
        assert_eq!(second.next().await, Some(topic));
    }

    #[tokio::test]
    async fn a_receiver_that_lags_misses_some_and_goes_on() {
        let wakeups = SqliteWakeups::new();
        let receiver = wakeups.subscribe();
        for _ in 0..=CAPACITY {
            wakeups.send(Topic::Jobs).await;
        }
        let last = Topic::Access(uuid::Uuid::from_u128(9));
        wakeups.send(last).await;
        drop(wakeups);
        assert_eq!(receiver.collect::<Vec<_>>().await.last(), Some(&last));
    }
}
