//! Wake-ups by LISTEN and NOTIFY, and directly inside the process.
//!
//! One connection listens. When it breaks it is opened again, with growing pauses; what was sent
//! meanwhile by other processes is missed, and polling makes up for it.
//!
//! One task notifies. What is sent while it waits for the database goes out together: PostgreSQL
//! commits notifications one after the other, and wakes every listener for each commit.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    gateways::{Topic, Wakeups},
    store::Priority,
};
use futures::{StreamExt, stream, stream::BoxStream};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::{
    sync::{
        broadcast::{self, error::RecvError},
        mpsc,
    },
    task::JoinHandle,
    time::sleep,
};
use uuid::Uuid;

use crate::{lease::Lease, pool::RolePool, store::PostgresStore};

/// The channel of NOTIFY.
const CHANNEL: &str = "banyan_wakeups";
/// Wake-ups that a slow receiver may have before it; older ones are missed.
const CAPACITY: usize = 4096;
/// Most wake-ups of one notification, whose text may have less than 8,000 bytes; a topic has at most 64.
const MAX_NOTIFIED: usize = 100;
/// First pause before listening again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Delivers wake-ups to the tasks of this process and to other processes on the same database.
pub struct PostgresWakeups {
    /// Marks what this process sent, which its receivers have heard already.
    process: Uuid,
    sender: broadcast::Sender<Topic>,
    to_others: mpsc::Sender<Topic>,
    listener: JoinHandle<()>,
}

impl fmt::Debug for PostgresWakeups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresWakeups").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Drop for PostgresWakeups {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl PostgresWakeups {
    /// Begins to listen; `process` distinguishes this process from others. It has a connection of its own.
    #[must_use]
    pub fn start(store: &PostgresStore, process: Uuid) -> Self {
        let sender = broadcast::Sender::new(CAPACITY);
        let (to_others, topics) = mpsc::channel(CAPACITY);
        tokio::spawn(notify(Arc::clone(store.jobs()), process, topics));
        let listener = tokio::spawn(listen(store.listen_options().clone(), process, sender.clone()));
        Self { process, sender, to_others, listener }
    }
}

/// Tells other processes, until nobody is left who could send.
async fn notify(pool: Arc<RolePool>, process: Uuid, mut topics: mpsc::Receiver<Topic>) {
    let mut batch = Vec::with_capacity(MAX_NOTIFIED);
    while topics.recv_many(&mut batch, MAX_NOTIFIED).await > 0 {
        let mut payload = process.to_string();
        for topic in batch.drain(..) {
            payload.push(' ');
            payload.push_str(&topic.encode());
        }
        let notify = sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(payload);
        if let Err(error) = Lease::run_alone(&pool, None, Priority::Settlement, notify).await {
            tracing::warn!(%error, "a wake-up was not sent, polling makes up for it");
        }
    }
}

/// Listens for ever.
async fn listen(options: PgConnectOptions, process: Uuid, sender: broadcast::Sender<Topic>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match hear(&options, process, &sender, &mut pause).await {
            Ok(()) => tracing::debug!("the listening connection was lost"),
            Err(error) => tracing::warn!(%error, "cannot listen for wake-ups, polling goes on"),
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Passes on what is heard until the connection breaks.
async fn hear(
    options: &PgConnectOptions,
    process: Uuid,
    sender: &broadcast::Sender<Topic>,
    pause: &mut Duration,
) -> Result<(), sqlx::Error> {
    // The driver listens on a pool alone: this one has one connection, for as long as it is well.
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .max_lifetime(None)
        .acquire_timeout(LONGEST_PAUSE)
        .connect_lazy_with(options.clone());
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    *pause = FIRST_PAUSE;
    while let Some(notification) = listener.try_recv().await? {
        let mut words = notification.payload().split(' ');
        if words.next() == Some(process.to_string().as_str()) {
            continue;
        }
        for topic in words.filter_map(Topic::decode) {
            // Nobody listening is no failure.
            let _ = sender.send(topic);
        }
    }
    Ok(())
}

#[async_trait]
impl Wakeups for PostgresWakeups {
    async fn send(&self, topic: Topic) {
        let _ = self.sender.send(topic);
        if self.to_others.try_send(topic).is_err() {
            tracing::warn!("a wake-up was not sent, as too many wait for the database; polling makes up for it");
        }
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
