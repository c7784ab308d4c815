//! The pump: owns the call to the provider, tells live readers at once, the table a little later.

use std::{mem, pin::pin, sync::Arc, time::Duration};

use chrono::TimeDelta;
use domain::{
    access::Scope,
    conversations::{StreamEvent, StreamLease, TurnEvent, TurnFailure, stream::STREAM_LEASE_SECONDS},
    gateways::{ChatDelta, ChatStream, GatewayError, GatewayErrorKind, Topic},
    usage::ProviderCall,
};
use futures::{FutureExt, StreamExt};
use tokio::{
    task::{JoinError, JoinHandle},
    time::Instant,
};

use super::{
    Turn,
    answer::{Answer, MAX_ANSWER_BYTES, merge},
    prompt::Prepared,
};
use crate::{App, Error, Result, conversations::live::LiveGuard, knowledge::Retrieved};

/// How long the first events wait for company before they go to the table.
const FIRST_FLUSH: Duration = Duration::from_millis(10);
/// How long later ones wait.
const FLUSH_INTERVAL: Duration = Duration::from_millis(75);
/// Bytes of waiting events that go to the table at once.
const FLUSH_BYTES: usize = 2 * 1024;
/// How long a failed flush waits for its next try.
const FLUSH_RETRY: Duration = Duration::from_millis(500);
/// How often a silent stream renews its lease and looks for a stop.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);

/// What a model's stream yields.
type ChatItem = std::result::Result<ChatDelta, GatewayError>;

/// How a pump came to its end.
pub(super) enum Ending {
    /// The model finished.
    Completed,
    /// The reader asked to stop.
    Stopped,
    /// It failed; before the first delta `called` tells whether the provider may have charged.
    Failed { failure: TurnFailure, called: bool },
    /// It broke off: the upstream's end, or ours.
    Interrupted(TurnFailure),
}

/// A turn under way.
pub(super) struct Pump<'a> {
    pub(super) app: &'a App,
    pub(super) turn: Arc<Turn>,
    pub(super) live: LiveGuard,
    pub(super) answer: Answer,
    pub(super) retrieved: Option<Retrieved>,
    pub(super) call: Option<ProviderCall>,
    pub(super) waiting: Vec<StreamEvent>,
    waiting_bytes: usize,
    /// When the next flush begins.
    due: Instant,
    flush: Option<JoinHandle<(Vec<StreamEvent>, Result<bool>)>>,
    stop: bool,
    lost: bool,
}

impl Turn {
    /// Pumps the turn to its end and settles it.
    pub(crate) async fn pump(mut self, app: &App, live: LiveGuard) {
        let ready = self.ready.take();
        live.live.push(std::slice::from_ref(&self.started));
        let mut pump = Pump {
            app,
            answer: Answer::after(self.started.number),
            live,
            retrieved: None,
            call: None,
            waiting: vec![self.started.clone()],
            turn: Arc::new(self),
            waiting_bytes: 0,
            due: Instant::now() + FIRST_FLUSH,
            flush: None,
            stop: false,
            lost: false,
        };
        let ending = pump.run(ready).await;
        pump.finish_flush().await;
        if pump.lost {
            // Another instance has taken the stream over and settles it.
            tracing::warn!(stream = %pump.turn.stream.id, "the stream was taken over; this pump ends");
            return;
        }
        pump.settle(ending).await;
    }
}

impl Pump<'_> {
    async fn run(&mut self, ready: Option<Prepared>) -> Ending {
        let prepared = match ready {
            Some(prepared) => prepared,
            None => match self.search().await {
                Ok(prepared) => prepared,
                Err(ending) => return ending,
            },
        };
        let Prepared { request, retrieved, call } = prepared;
        self.retrieved = retrieved;
        self.call = Some(call);
        let chat = self.turn.model.clone();
        let mut opening = chat.chat(request);
        let stream = loop {
            tokio::select! {
                opened = &mut opening => match opened {
                    Ok(stream) => break stream,
                    Err(error) => {
                        let called = !matches!(error.kind, GatewayErrorKind::Unreachable | GatewayErrorKind::Forbidden);
                        return self.failed(&Error::from(error), called);
                    }
                },
                ending = self.attend() => if let Some(ending) = ending { return ending; },
            }
        };
        self.read(stream).await
    }

    /// Looks for passages, tells of them, and puts the call on record.
    async fn search(&mut self) -> Result<Prepared, Ending> {
        let (app, turn) = (self.app, Arc::clone(&self.turn));
        let mut searching = pin!(turn.search(app));
        let prepared = loop {
            tokio::select! {
                prepared = &mut searching => break prepared,
                ending = self.attend() => if let Some(ending) = ending { return Err(ending); },
            }
        };
        let prepared = prepared.map_err(|error| self.failed(&error, false))?;
        if let Some(retrieved) = &prepared.retrieved {
            self.tell(retrieved.event());
        }
        match record(app, &turn, &prepared.call).await {
            Ok(()) => Ok(prepared),
            Err(error) => {
                self.retrieved = prepared.retrieved;
                Err(self.failed(&error, false))
            }
        }
    }

    /// Reads the model's stream to its end.
    async fn read(&mut self, mut stream: ChatStream) -> Ending {
        let mut ahead: Option<Option<ChatItem>> = None;
        loop {
            let delta = match ahead.take() {
                Some(delta) => delta,
                None => tokio::select! {
                    biased;
                    delta = stream.next() => delta,
                    ending = self.attend() => match ending {
                        Some(ending) => return ending,
                        None => continue,
                    },
                },
            };
            match delta {
                None => return Ending::Completed,
                Some(Err(error)) if self.answer.is_empty() => return self.failed(&Error::from(error), true),
                Some(Err(error)) => {
                    let error = Error::from(error);
                    self.log(&error);
                    return Ending::Interrupted(failure_of(&error));
                }
                Some(Ok(delta)) => ahead = self.take_with_company(delta, &mut stream),
            }
            if self.answer.len() > MAX_ANSWER_BYTES {
                let message = format!("the model wrote more than {MAX_ANSWER_BYTES} bytes; the text so far is kept");
                return Ending::Interrupted(TurnFailure { code: "answer_too_long".to_owned(), message });
            }
        }
    }

    /// Takes a delta and those of its kind that are there already, as one event. Answers an error or
    /// the end that came behind them, which is read only once.
    fn take_with_company(&mut self, mut delta: ChatDelta, stream: &mut ChatStream) -> Option<Option<ChatItem>> {
        let mut ahead = None;
        while delta_len(&delta) < FLUSH_BYTES {
            let next = match stream.next().now_or_never() {
                Some(Some(Ok(next))) => next,
                last => {
                    ahead = last;
                    break;
                }
            };
            if let Some(other) = merge(&mut delta, next) {
                let done = mem::replace(&mut delta, other);
                self.take(done);
            }
        }
        self.take(delta);
        ahead
    }

    fn take(&mut self, delta: ChatDelta) {
        let bytes = delta_len(&delta);
        if let Some(event) = self.answer.take(delta) {
            self.waiting_bytes += bytes;
            self.tell(event);
        }
    }

    /// Tells live readers of an event and queues it for the table.
    pub(super) fn tell(&mut self, event: TurnEvent) {
        let event = self.answer.number(event, self.app.now());
        if self.waiting.is_empty() {
            let wait = if event.number <= 2 { FIRST_FLUSH } else { FLUSH_INTERVAL };
            self.due = self.due.min(Instant::now() + wait);
        }
        self.live.live.push(std::slice::from_ref(&event));
        self.waiting.push(event);
    }

    /// Waits for the next thing to do beside reading, and does it; an ending when that ends the turn.
    async fn attend(&mut self) -> Option<Ending> {
        let live = Arc::clone(&self.live.live);
        if let Some(flush) = &mut self.flush {
            tokio::select! {
                done = flush => {
                    self.flush = None;
                    self.flushed(done);
                }
                () = self.app.parts.halt.cancelled() => return Some(shutdown()),
            }
        } else {
            let due = if self.waiting_bytes >= FLUSH_BYTES { Instant::now() } else { self.due };
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = live.nudge.notified() => {}
                () = self.app.parts.halt.cancelled() => return Some(shutdown()),
            }
            self.begin_flush();
        }
        (self.lost || self.stop).then_some(Ending::Stopped)
    }

    /// Writes what waits, in a task of its own: reading goes on meanwhile.
    fn begin_flush(&mut self) {
        let events = mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        self.due = Instant::now() + RENEW_INTERVAL;
        let (app, scope, lease) = (self.app.clone(), self.turn.scope.clone(), self.turn.lease());
        self.flush = Some(tokio::spawn(async move {
            let appended = append(&app, &scope, lease, &events).await;
            (events, appended)
        }));
    }

    async fn finish_flush(&mut self) {
        if let Some(flush) = self.flush.take() {
            let done = flush.await;
            self.flushed(done);
        }
    }

    fn flushed(&mut self, done: Result<(Vec<StreamEvent>, Result<bool>), JoinError>) {
        match done {
            Ok((_, Ok(stop))) => self.stop |= stop,
            Ok((_, Err(error))) if error.is_stale() => self.lost = true,
            // The commit of an earlier try arrived after all.
            Ok((_, Err(error))) if error.is_conflict_on("stream_events") => {}
            Ok((mut events, Err(error))) => {
                self.log(&error);
                events.append(&mut self.waiting);
                self.waiting = events;
                self.due = Instant::now() + FLUSH_RETRY;
            }
            Err(error) => self.log(&Error::internal(error)),
        }
    }

    fn failed(&self, error: &Error, called: bool) -> Ending {
        self.log(error);
        Ending::Failed { failure: failure_of(error), called }
    }

    fn log(&self, error: &Error) {
        tracing::warn!(stream = %self.turn.stream.id, model = %self.turn.name, error = ?error, "the turn met an error");
    }
}

/// Puts a call on record before it is made.
async fn record(app: &App, turn: &Turn, call: &ProviderCall) -> Result<()> {
    let tx = app.write(&turn.scope).await?;
    tx.streams().record_call(turn.lease(), call.estimated_input_tokens).await?;
    Ok(tx.commit().await?)
}

/// Appends events under the lease and renews it; tells whether the reader asked to stop.
async fn append(app: &App, scope: &Scope, lease: StreamLease, events: &[StreamEvent]) -> Result<bool> {
    let lease_expires_at = app.now() + TimeDelta::seconds(STREAM_LEASE_SECONDS);
    let tx = app.write(scope).await?;
    let stop = tx.streams().append(lease, events, lease_expires_at).await?;
    tx.commit().await?;
    if app.capabilities().shared && !events.is_empty() {
        app.parts.wakeups.send(Topic::Stream(lease.id.0)).await;
    }
    Ok(stop)
}

fn delta_len(delta: &ChatDelta) -> usize {
    match delta {
        ChatDelta::Text(text) | ChatDelta::Reasoning(text) => text.len(),
        ChatDelta::ToolCall(call) => call.arguments.len(),
        ChatDelta::Finished(_) | ChatDelta::Usage(_) => 0,
    }
}

fn failure_of(error: &Error) -> TurnFailure {
    TurnFailure { code: error.code.to_owned(), message: error.message.clone() }
}

fn shutdown() -> Ending {
    let message = "the server was shut down while it wrote; ask again, or regenerate".to_owned();
    Ending::Interrupted(TurnFailure { code: "server_shutdown".to_owned(), message })
}
