//! Settling: the answer, its citations, its cost and the end of its stream, in one transaction.

use std::time::Duration;

use domain::{
    conversations::{AnswerUpdate, MessageStatus, Stream, StreamEvent, StreamState, TurnEvent, TurnFailure},
    gateways::Topic,
    knowledge::Citation,
    store::Tx,
    usage::{TokenUsage, UsageLog, estimate},
};
use serde_json::json;

use super::pump::{Ending, Pump};
use crate::{Error, Result, audit::Act, conversations::MessageView, usage::Spent};

/// Pause between tries of a settlement that the database does not take.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Tries before it is left to the reconciler (of any instance).
const MAX_TRIES: u32 = 120;

/// Everything that a settlement writes.
struct Settlement {
    status: MessageStatus,
    state: StreamState,
    failure: Option<TurnFailure>,
    spent: Option<Spent>,
    citations: Vec<(Citation, TurnEvent)>,
}

impl Pump<'_> {
    /// Writes the end of the turn, as often as it takes, and tells the readers.
    pub(super) async fn settle(mut self, ending: Ending) {
        let settlement = self.settlement(ending);
        let before = self.waiting.len();
        for (_, event) in &settlement.citations {
            let event = self.answer.number(event.clone(), self.app.now());
            self.waiting.push(event);
        }
        let mut tries = 1;
        loop {
            match self.write(&settlement).await {
                Ok((last, view)) => {
                    self.live.live.ended_as(view);
                    self.waiting.push(last);
                    // What waited longer than this was told before.
                    self.live.live.push(&self.waiting[before..]);
                    break;
                }
                Err(error) if error.is_stale() || self.is_taken_over().await => {
                    tracing::warn!(stream = %self.turn.stream.id, "another instance has settled the turn");
                    break;
                }
                Err(error) if tries < MAX_TRIES && !self.app.parts.halt.is_cancelled() => {
                    tries += 1;
                    tracing::warn!(stream = %self.turn.stream.id, error = ?error, "the turn could not be settled yet");
                    let pause = if error.is_retryable() { Duration::ZERO } else { RETRY_PAUSE };
                    tokio::time::sleep(pause).await;
                }
                Err(error) => {
                    tracing::error!(stream = %self.turn.stream.id, error = ?error, "the turn is left to the reconciler");
                    break;
                }
            }
        }
        self.app.parts.wakeups.send(Topic::Stream(self.turn.stream.id.0)).await;
    }

    fn settlement(&mut self, ending: Ending) -> Settlement {
        let called = !matches!(ending, Ending::Failed { called: false, .. });
        let (status, state, failure) = match ending {
            Ending::Completed => (MessageStatus::Complete, StreamState::Completed, None),
            Ending::Stopped => (MessageStatus::Stopped, StreamState::Stopped, None),
            Ending::Failed { failure, .. } => (MessageStatus::Error, StreamState::Failed, Some(failure)),
            Ending::Interrupted(failure) => (MessageStatus::Interrupted, StreamState::Interrupted, Some(failure)),
        };
        let spent = self.call.clone().filter(|_| called).map(|call| {
            let failed_before_words = state == StreamState::Failed && self.answer.is_empty();
            let timed_out = failure.as_ref().is_some_and(|failure| failure.code == "upstream_timeout");
            let (tokens, is_estimated) = match self.answer.usage {
                Some(tokens) => (tokens, false),
                // A provider that refuses a request does not charge for it.
                None if failed_before_words && !timed_out => (TokenUsage::default(), false),
                None => {
                    let output_tokens = estimate::tokens_of(&self.answer.written());
                    let input_tokens = call.estimated_input_tokens;
                    (TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() }, true)
                }
            };
            let metadata =
                json!({ "finish_reason": self.answer.finish_reason, "error": failure.as_ref().map(|f| &f.code) });
            Spent { call, tokens, is_estimated, responded_at: self.app.now(), metadata, recorder: None }
        });
        let citations = self.turn.citations(self.app, &self.answer.text(), self.retrieved.as_ref());
        Settlement { status, state, failure, spent, citations }
    }

    /// Whether another instance has the stream: its end is then refused in one way or another.
    async fn is_taken_over(&self) -> bool {
        let stream = async {
            let tx = self.app.read(&self.turn.scope).await?;
            let stream = tx.streams().get(self.turn.stream.id).await?;
            tx.commit().await?;
            Ok::<_, Error>(stream)
        };
        let lease = self.turn.lease();
        let lost = |stream: Stream| stream.epoch != lease.epoch || stream.state != StreamState::Running;
        stream.await.is_ok_and(|stream| stream.is_some_and(lost))
    }

    /// One try. Answers the last event, and the answer as readers see it.
    async fn write(&mut self, settlement: &Settlement) -> Result<(StreamEvent, Option<MessageView>)> {
        let now = self.app.now();
        let tx = self.app.write(&self.turn.scope).await?;
        let mut row: Option<UsageLog> = None;
        if let Some(retrieved) = &self.retrieved {
            if let Some(spent) = &retrieved.spent {
                self.app.settle_call(tx.as_ref(), spent).await?;
            }
            tx.retrieval().insert_run(&retrieved.run, &retrieved.hits).await?;
        }
        if let Some(spent) = &settlement.spent {
            row = Some(self.app.account(tx.as_ref(), spent).await?);
        }
        let tokens = row.as_ref().map(|row| row.tokens);
        let cost = row.as_ref().and_then(|row| row.cost);
        let update = AnswerUpdate {
            status: settlement.status,
            parts: self.answer.parts.clone(),
            tokens,
            cost,
            finish_reason: self.answer.finish_reason.clone(),
            error: settlement.failure.as_ref().map(|failure| json!(failure)),
            at: now,
        };
        let event = match (&settlement.failure, settlement.state) {
            (Some(failure), _) => TurnEvent::TurnFailed { error: failure.clone() },
            (None, StreamState::Stopped) => TurnEvent::TurnStopped {},
            (None, _) => TurnEvent::TurnCompleted {
                usage: tokens.unwrap_or_default(),
                cost,
                finish_reason: self.answer.finish_reason.clone(),
            },
        };
        let number = self.answer.next_number();
        let last = StreamEvent { number, event, created_at: now };
        let mut events = self.waiting.clone();
        events.push(last.clone());
        tx.streams().finish(self.turn.lease(), settlement.state, &events, now).await?;
        let after = json!({ "status": settlement.status.as_str(), "request_id": self.turn.stream.request_id });
        let act = Act::on("turn_settled", "message", self.turn.answer.id.0).now(after);
        self.app.audit(tx.as_ref(), &self.turn.actor, act).await?;
        tx.messages().update_answer(self.turn.answer.id, &update).await?;
        if !settlement.citations.is_empty() {
            let citations: Vec<Citation> = settlement.citations.iter().map(|(citation, _)| citation.clone()).collect();
            tx.retrieval().insert_citations(&citations).await?;
        }
        let view = self.view(tx.as_ref(), settlement, &update).await?;
        tx.commit().await.map_err(Error::from)?;
        Ok((last, view))
    }

    /// The answer as readers of this process see it, without a query of each of them. What a citation
    /// is worth depends on the reader, so an answer with citations is read by each.
    async fn view(&self, tx: &dyn Tx, settlement: &Settlement, update: &AnswerUpdate) -> Result<Option<MessageView>> {
        if !settlement.citations.is_empty() {
            return Ok(None);
        }
        let mut message = self.turn.answer.clone();
        update.apply(&mut message);
        let siblings = tx.messages().siblings(message.conversation_id, &[message.parent_id]).await?;
        let siblings = siblings.into_iter().map(|sibling| sibling.id).collect();
        Ok(Some(MessageView { message, siblings, citations: Vec::new() }))
    }
}
