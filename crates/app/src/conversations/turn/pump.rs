//! The pump: owns the call to the provider and tells live readers what comes.

use std::{mem, pin::pin, sync::Arc};

use super::{
    Prepared, Turn,
    answer::{Answer, MAX_ANSWER_BYTES, TOO_SLOW, merge},
};
use crate::{App, Error, Result, conversations::live::LiveGuard, knowledge::Retrieved, unit_of_work::Uow};
use domain::{
    conversations::{AnswerLinks, TurnEvent, TurnFailure},
    gateways::{ChatDelta, ChatRequest, ChatStream, GatewayError, GatewayErrorKind},
    usage::ProviderCall,
};
use futures::{FutureExt, StreamExt};
use tokio::time::sleep;

/// Bytes of deltas that are there at once and become one event.
const MERGED_BYTES: usize = 2 * 1024;

/// How a turn ends when the server does.
const SHUT_DOWN: (&str, &str) =
    ("server_shutdown", "the server was shut down while it wrote; ask again, or regenerate");

/// What a model's stream yields.
type ChatItem = std::result::Result<ChatDelta, GatewayError>;

/// How a pump came to its end.
pub(super) enum Ending {
    /// The model finished.
    Completed,
    /// The reader asked to stop.
    Stopped,
    /// It failed; before the first delta `called` says whether the provider may have charged.
    Failed { failure: TurnFailure, called: bool },
    /// It broke off: the upstream's end, or ours.
    Interrupted(TurnFailure),
}

/// A turn under way.
pub(super) struct Pump<'a> {
    pub(super) app: &'a App,
    pub(super) turn: Arc<Turn>,
    pub(super) live: LiveGuard,
    /// What the answer passes on its way to its readers, and to the table.
    links: AnswerLinks,
    pub(super) answer: Answer,
    pub(super) retrieved: Option<Retrieved>,
    pub(super) call: Option<ProviderCall>,
}

impl Turn {
    /// Pumps the turn to its end and settles it.
    // This process alone writes to the stream, as long as its lease lasts: its epoch fences it off from
    // whoever takes the stream over. The pump is a task of the application, so neither a client that
    // leaves nor one that reads slowly changes anything. It reads the model and tells the readers in this
    // process; meanwhile the flusher writes what was told, and keeps the lease. Before the end is settled
    // no flush is under way, and a pump that has lost its lease settles nothing.
    pub(crate) async fn pump(mut self, app: &App, live: LiveGuard) {
        let ready = self.ready.take();
        live.live.push(std::slice::from_ref(&self.started));
        let mut pump = Pump {
            app,
            links: AnswerLinks::default(),
            answer: Answer::after(self.started.number),
            live,
            retrieved: None,
            call: None,
            turn: Arc::new(self),
        };
        app.start_flusher();
        let ending = pump.run(ready).await;
        let (stored, is_lost) = pump.live.live.place.leave().await;
        if is_lost {
            // Another instance has taken the stream over and settles it.
            tracing::warn!(stream = %pump.turn.stream.id, "the stream was taken over; this pump ends");
            return;
        }
        pump.settle(ending, stored).await;
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
        self.links = self.turn.links(retrieved.as_ref());
        self.retrieved = retrieved;
        self.call = Some(call);
        let ending = match self.ask(request).await {
            Ok(stream) => self.read(stream).await,
            Err(ending) => ending,
        };
        let held = self.links.end();
        self.add(held);
        ending
    }

    /// Calls the model.
    async fn ask(&mut self, request: ChatRequest) -> Result<ChatStream, Ending> {
        let turn = Arc::clone(&self.turn);
        if let Some(ending) = self.interrupted().now_or_never() {
            // Nobody was asked: there is nothing to pay.
            self.call = None;
            return Err(ending);
        }
        let mut opening = pin!(self.app.ask(turn.stream.tenant_id, &turn.model, &turn.name, request));
        tokio::select! {
            opened = &mut opening => opened.map_err(|error| {
                let called = !matches!(error.kind, GatewayErrorKind::Unreachable | GatewayErrorKind::Forbidden);
                self.failed(&Error::from(error), called)
            }),
            ending = self.interrupted() => Err(ending),
        }
    }

    /// Looks for passages, tells of them, and puts the call on record.
    async fn search(&mut self) -> Result<Prepared, Ending> {
        let (app, turn) = (self.app, Arc::clone(&self.turn));
        let mut searching = pin!(turn.search(app));
        let prepared = tokio::select! {
            prepared = &mut searching => prepared,
            ending = self.interrupted() => return Err(ending),
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
        let mut too_slow = pin!(sleep(self.app.parts.settings.max_answer_time));
        loop {
            let delta = match ahead.take() {
                Some(delta) => delta,
                None => tokio::select! {
                    biased;
                    delta = stream.next() => delta,
                    ending = self.interrupted() => return ending,
                    () = &mut too_slow => return interrupted(TOO_SLOW),
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
                return Ending::Interrupted(TurnFailure::new("answer_too_long", message));
            }
        }
    }

    /// Takes a delta and those of its kind that are there already, as one event. Returns an error or
    /// the end that came behind them, which is read only once.
    fn take_with_company(&mut self, mut delta: ChatDelta, stream: &mut ChatStream) -> Option<Option<ChatItem>> {
        let mut ahead = None;
        while delta_len(&delta) < MERGED_BYTES {
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
        let deltas = self.links.pass(delta);
        self.add(deltas);
    }

    /// Takes deltas into the answer, and tells of them.
    fn add(&mut self, deltas: Vec<ChatDelta>) {
        for delta in deltas {
            if let Some(event) = self.answer.take(delta) {
                self.tell(event);
            }
        }
    }

    /// Tells live readers of an event; the flusher writes what they were told.
    pub(super) fn tell(&mut self, event: TurnEvent) {
        let event = self.answer.number(event);
        self.live.live.push(std::slice::from_ref(&event));
    }

    /// Waits for what ends the turn from outside.
    async fn interrupted(&self) -> Ending {
        tokio::select! {
            () = self.live.live.place.interrupted() => Ending::Stopped,
            () = self.app.parts.halt.cancelled() => interrupted(SHUT_DOWN),
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
    let (lease, tokens) = (turn.lease(), call.estimated_input_tokens);
    let record = |tx: Uow| async move { Ok(tx.streams().record_call(lease, tokens).await?) };
    app.unaudited(&turn.scope, "the settlement of the turn is audited", record).await
}

fn delta_len(delta: &ChatDelta) -> usize {
    match delta {
        ChatDelta::Text(text) | ChatDelta::Reasoning(text) => text.len(),
        ChatDelta::ToolCall(call) => call.arguments.len(),
        ChatDelta::Extra(_) | ChatDelta::Finished(_) | ChatDelta::Usage(_) | ChatDelta::UsageOutdated => 0,
    }
}

fn failure_of(error: &Error) -> TurnFailure {
    let retry_after = error.retry_after.map(|wait| wait.as_secs());
    TurnFailure { retry_after, ..TurnFailure::new(error.code, error.message.clone()) }
}

fn interrupted((code, message): (&str, &str)) -> Ending {
    Ending::Interrupted(TurnFailure::new(code, message))
}
