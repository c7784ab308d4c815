//! Follow a stream: replay from a number on, then live, from any instance.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use domain::{
    access::{Actor, Permission, Scope},
    conversations::{Stream, StreamEvent, StreamState},
    gateways::Topic,
    ids::{ConversationId, StreamId},
};
use futures::{StreamExt, stream::BoxStream};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    App, Error, ErrorKind, Result,
    conversations::{Conversations, MessageView, live::LiveStream, tree::conversation},
    unit_of_work::Uow,
};

/// How often a stream of another instance is looked at without a wake-up.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often it is looked again whether somebody else's stream may still be read.
const LOOK_AGAIN: Duration = Duration::from_secs(4);
/// How long a look may take.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
/// Most events read from the table at once.
const BATCH: u32 = 500;

/// An event as a follower gets it.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowedEvent {
    /// The event with its number.
    pub event: StreamEvent,
    /// With the last event: the answer in the end.
    pub message: Option<Box<MessageView>>,
}

/// Follows one stream. Dropping it changes nothing for the stream.
pub struct Following {
    app: App,
    actor: Actor,
    scope: Scope,
    /// The stream where it runs here and is this user's own.
    live: Option<Arc<LiveStream>>,
    stream: Stream,
    after: i64,
    ready: VecDeque<StreamEvent>,
    wakeups: Option<BoxStream<'static, Topic>>,
    looked: Instant,
    ended: bool,
}

impl Conversations {
    /// Follows a stream from after an event's number; 0 from its beginning.
    ///
    /// # Errors
    /// `not_found`; `events_gone` when the stream ended long ago.
    pub async fn follow(&self, actor: &Actor, id: StreamId, after: i64) -> Result<Following> {
        let scope = self.app.allow(actor, Permission::ConversationsRead)?;
        let live = self.own_live_stream(&scope, id);
        let stream = match &live {
            Some(live) => live.stream.clone(),
            None => {
                let read = async |tx: &Uow| {
                    let stream = tx.streams().get(id).await?.ok_or_else(|| Error::not_found("stream", id.0))?;
                    let conversation = conversation(tx, stream.conversation_id).await?;
                    Ok((stream, conversation))
                };
                let (stream, conversation) = self.app.query_in(&scope, read).await?;
                self.app.note_reading(actor, &conversation).await?;
                stream
            }
        };
        let after = if stream.state == StreamState::Running {
            after
        } else {
            // Whoever saw events that a crash took back gets at least the last one.
            let after = after.min(stream.last_event - 1).max(0);
            let read = async |tx: &Uow| Ok(tx.streams().events(id, after, 1).await?);
            if self.app.query_in(&scope, read).await?.is_empty() {
                return Err(gone());
            }
            after
        };
        Ok(Following {
            app: self.app.clone(),
            actor: actor.clone(),
            scope,
            live,
            stream,
            after: after.max(0),
            ready: VecDeque::new(),
            wakeups: None,
            looked: Instant::now(),
            ended: false,
        })
    }

    /// A stream that runs here and that this user opened: its rights are known without a query.
    fn own_live_stream(&self, scope: &Scope, id: StreamId) -> Option<Arc<LiveStream>> {
        let tenant = scope.tenant()?;
        let live = self.app.parts.live.get(id)?;
        let is_own = live.stream.tenant_id == tenant.tenant_id && Some(live.stream.user_id) == tenant.user_id;
        is_own.then_some(live)
    }

    /// The stream that runs in a conversation, if any: the oldest one.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn running_stream(&self, actor: &Actor, id: ConversationId) -> Result<Option<StreamId>> {
        let read = async |tx: &Uow| {
            conversation(tx, id).await?;
            Ok(tx.streams().running(id).await?.first().map(|stream| stream.id))
        };
        self.app.query(actor, Permission::ConversationsRead, read).await
    }
}

/// The events of an ended stream are kept for a time.
fn gone() -> Error {
    let message = "the events of this answer are kept no longer; read the message, which holds all of it";
    Error::new(ErrorKind::Gone, "events_gone", message)
}

impl Following {
    /// The next event; `None` after the last one.
    ///
    /// # Errors
    /// When the database is away, or the actor may no longer read the conversation; `events_gone` when the
    /// stream has ended, and its events were removed meanwhile.
    pub async fn next(&mut self) -> Result<Option<FollowedEvent>> {
        if self.ended {
            return Ok(None);
        }
        loop {
            self.look_again().await?;
            if !self.ready.is_empty() {
                break;
            }
            match self.app.parts.live.get(self.stream.id) {
                Some(live) if self.live.is_some() => self.wait_live(&live).await,
                // Given up, the wait has taken nothing.
                Some(live) => drop(timeout_at(self.looked + LOOK_AGAIN, self.wait_live(&live)).await),
                None => self.wait_stored().await?,
            }
        }
        let Some(event) = self.ready.pop_front() else { return Ok(None) };
        self.after = event.number;
        let mut message = None;
        if event.event.is_last() {
            self.ended = true;
            let view = match self.live.as_ref().and_then(|live| live.view()) {
                Some(view) => view,
                None => {
                    let Stream { conversation_id, message_id, .. } = self.stream;
                    self.app.conversations().message(&self.actor, conversation_id, message_id).await?
                }
            };
            message = Some(Box::new(view));
        }
        Ok(Some(FollowedEvent { event, message }))
    }

    /// The stream that is followed.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// What is told to a reader who may no longer read the conversation ends. One's own stream stays one's own.
    async fn look_again(&mut self) -> Result<()> {
        if self.live.is_none() && self.looked.elapsed() >= LOOK_AGAIN {
            self.looked = Instant::now();
            let id = self.stream.id;
            let look = self.app.query_in(&self.scope, async |tx| Ok(tx.streams().get(id).await?));
            match timeout(LOOK_LIMIT, look).await {
                Ok(Ok(None)) => return Err(Error::not_found("stream", id.0)),
                Ok(Ok(Some(_))) => {}
                // Neither an error nor silence says that it is not shown.
                Ok(Err(error)) => tracing::warn!(error = ?error, "a stream could not be looked up again"),
                Err(_) => tracing::warn!("a stream could not be looked up again in time"),
            }
        }
        Ok(())
    }

    async fn wait_live(&mut self, live: &LiveStream) {
        let mut progress = live.watch();
        loop {
            let seen = *progress.borrow_and_update();
            self.ready.extend(live.some_after(self.after));
            if !self.ready.is_empty() || seen.closed || progress.changed().await.is_err() {
                return;
            }
        }
    }

    async fn wait_stored(&mut self) -> Result<()> {
        let mut wakeups = self.wakeups.take().unwrap_or_else(|| self.app.parts.wakeups.subscribe());
        loop {
            let (id, after) = (self.stream.id, self.after);
            let read = async |tx: &Uow| {
                let events = tx.streams().events(id, after, BATCH).await?;
                let stream = tx.streams().get(id).await?.ok_or_else(|| Error::not_found("stream", id.0))?;
                Ok((events, stream))
            };
            let (events, stream) = self.app.query_in(&self.scope, read).await?;
            let is_running = stream.state == StreamState::Running;
            if !events.is_empty() {
                self.ready.extend(events);
                self.wakeups = Some(wakeups);
                return Ok(());
            }
            if !is_running {
                if self.after < stream.last_event || stream.last_event == 0 {
                    return Err(gone());
                }
                // Everything was seen already, or more than a crash left: begin again before the last event.
                self.after = (stream.last_event - 1).max(0);
                continue;
            }
            let topic = Topic::Stream(id.0);
            let woken = async { while wakeups.next().await.is_some_and(|woken| woken != topic) {} };
            // A wake-up that is late or lost costs one interval.
            if timeout(POLL_INTERVAL, woken).await.is_ok() && self.app.parts.shutdown.is_cancelled() {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }
}
