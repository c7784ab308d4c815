//! Wake-ups within the process.

use async_trait::async_trait;
use domain::gateways::{Topic, Wakeups};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::sync::broadcast::{self, error::RecvError};

/// Wake-ups that wait for a slow receiver before it misses the oldest.
const CAPACITY: usize = 1024;

/// Sends wake-ups to every task of this process. Clones share the channel.
#[derive(Debug, Clone)]
pub struct MemoryWakeups {
    sender: broadcast::Sender<Topic>,
}

impl Default for MemoryWakeups {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }
}

#[async_trait]
impl Wakeups for MemoryWakeups {
    async fn send(&self, topic: Topic) {
        if self.sender.send(topic).is_err() {
            tracing::trace!(?topic, "nobody waits for wake-ups");
        }
    }

    fn subscribe(&self) -> BoxStream<'static, Topic> {
        stream::unfold(self.sender.subscribe(), |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(topic) => return Some((topic, receiver)),
                    Err(RecvError::Lagged(missed)) => tracing::debug!(missed, "a receiver missed wake-ups"),
                    Err(RecvError::Closed) => return None,
                }
            }
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn every_receiver_gets_what_is_sent_after_it_subscribed() {
        let wakeups = MemoryWakeups::default();
        wakeups.send(Topic::Stream(Uuid::max())).await;
        let (first, second) = (wakeups.subscribe(), wakeups.subscribe());
        wakeups.send(Topic::Jobs).await;
        wakeups.send(Topic::Access(Uuid::nil())).await;
        drop(wakeups);
        for receiver in [first, second] {
            assert_eq!(receiver.collect::<Vec<_>>().await, [Topic::Jobs, Topic::Access(Uuid::nil())]);
        }
    }

    #[tokio::test]
    async fn a_receiver_that_lags_misses_the_oldest_and_goes_on() {
        let wakeups = MemoryWakeups::default();
        let receiver = wakeups.subscribe();
        for number in 0..CAPACITY + 2 {
            wakeups.send(Topic::Stream(Uuid::from_u128(number as u128))).await;
        }
        drop(wakeups);
        let received: Vec<_> = receiver.collect().await;
        assert_eq!(received.len(), CAPACITY);
        assert_eq!(received[0], Topic::Stream(Uuid::from_u128(2)));
    }
}
