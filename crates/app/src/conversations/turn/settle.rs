//! Settling: the answer, its citations, its cost and the end of its stream, in one transaction.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{
    conversations::{
        AnswerUpdate, MessageStatus, Stream, StreamAppend, StreamEvent, StreamLease, StreamState, TurnEvent,
        TurnFailure, stream::STREAM_LEASE_SECONDS,
    },
    gateways::{GatewayErrorKind, Topic},
    knowledge::Citation,
    store::Priority,
    usage::{ProviderCall, TokenUsage, UsageLog, estimate},
};
use serde_json::json;

use super::pump::{Ending, Pump};
use crate::{
    ErrorKind, Result,
    audit::Act,
    conversations::MessageView,
    unit_of_work::Uow,
    usage::{MAX_SETTLEMENT_TRIES, SETTLEMENT_RETRY_PAUSE, Spent},
};

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
    // What the turn was, what it cost and that it is over stand or fall together: readers never see a
    // complete answer whose cost is missing, nor a call that is paid for twice, as the ledger takes a
    // request id once. The numbers and the texts of a settlement are fixed before the first try, so
    // that a later one writes the same rows; only what the database refused is changed, once, and refused means
    // that nothing was written. A commit whose end was not seen may have arrived; then the
    // next try is refused, as the stream runs no more, and the turn is settled all the same. Readers
    // get the last events only after the commit: whoever reads the message then finds it settled. What
    // cannot be written in two minutes is left to the reconciler, which finds the lease run out.
    pub(super) async fn settle(mut self, ending: Ending, stored: i64) {
        let mut settlement = self.settlement(ending);
        let mut events = self.live.live.after(0);
        let citations: Vec<StreamEvent> =
            settlement.citations.iter().map(|(_, event)| self.answer.number(event.clone())).collect();
        events.extend_from_slice(&citations);
        let (mut is_stored, mut is_bare) = (stored > 0, false);
        let mut tries = 1;
        loop {
            match self.write(&settlement, &events, is_stored).await {
                Ok((last, view)) => {
                    self.live.live.ended_as(view);
                    self.live.live.push(if is_bare { &[] } else { &citations });
                    self.live.live.push(&[last]);
                    break;
                }
                // A flush arrived unseen.
                Err(error) if error.is_conflict_on("stream_events") && !is_stored => is_stored = true,
                Err(error) if error.is_stale() || self.is_taken_over().await => {
                    tracing::warn!(stream = %self.turn.stream.id, "another instance has settled the turn");
                    break;
                }
                // Refused once, refused for ever: the turn ends with its text, without what may have been refused.
                Err(error) if error.is_refused() && !is_bare => {
                    tracing::error!(stream = %self.turn.stream.id, error = ?error, "a settlement was refused");
                    is_bare = true;
                    events.truncate(events.len() - citations.len());
                    self.answer.take_back(citations.len());
                    self.make_bare(&mut settlement);
                }
                Err(error) if error.is_refused() => {
                    tracing::error!(stream = %self.turn.stream.id, error = ?error, "the turn is left to the reconciler");
                    break;
                }
                // A full disk is waited for as long as it takes: the text is nowhere else.
                Err(error)
                    if (tries < MAX_SETTLEMENT_TRIES || error.kind == ErrorKind::StorageFull)
                        && !self.app.parts.halt.is_cancelled() =>
                {
                    tries += 1;
                    tracing::warn!(stream = %self.turn.stream.id, error = ?error, "the turn could not be settled yet");
                    self.keep_lease().await;
                    let pause = if error.is_retryable() { Duration::ZERO } else { SETTLEMENT_RETRY_PAUSE };
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

    /// Keeps the stream while its settlement is tried again: the reconciler would settle it without what is not written.
    async fn keep_lease(&self) {
        let Stream { id, tenant_id, epoch, .. } = self.turn.stream;
        let lease_expires_at = self.app.now() + TimeDelta::seconds(STREAM_LEASE_SECONDS);
        let lease = StreamLease { id, epoch };
        let append = StreamAppend { tenant_id, lease, events: Vec::new(), lease_expires_at };
        if let Err(error) = self.app.parts.store.append_streams(&[append]).await {
            tracing::debug!(stream = %id, error = ?error, "the lease could not be renewed");
        }
    }

    /// What the settlement writes, fixed before its first try.
    fn settlement(&mut self, ending: Ending) -> Settlement {
        let called = !matches!(ending, Ending::Failed { called: false, .. });
        let (status, state, failure) = match ending {
            Ending::Completed => (MessageStatus::Complete, StreamState::Completed, None),
            Ending::Stopped => (MessageStatus::Stopped, StreamState::Stopped, None),
            Ending::Failed { failure, .. } => (MessageStatus::Error, StreamState::Failed, Some(failure)),
            Ending::Interrupted(failure) => (MessageStatus::Interrupted, StreamState::Interrupted, Some(failure)),
        };
        let call = self.call.take().filter(|_| called);
        let spent = call.map(|call| self.spent(call, state, failure.as_ref()));
        let citations = self.turn.citations(self.app, &self.answer.text(), self.retrieved.as_ref());
        Settlement { status, state, failure, spent, citations }
    }

    /// Leaves the citations out, and counts by our own estimate.
    fn make_bare(&mut self, settlement: &mut Settlement) {
        settlement.citations.clear();
        self.answer.usage = None;
        self.answer.finish_reason = None;
        if let Some(spent) = settlement.spent.take() {
            settlement.spent = Some(self.spent(spent.call, settlement.state, settlement.failure.as_ref()));
        }
    }

    /// What the call cost: the provider's count, or our estimate.
    fn spent(&self, call: ProviderCall, state: StreamState, failure: Option<&TurnFailure>) -> Spent {
        let failed_before_words = state == StreamState::Failed && self.answer.is_empty();
        let may_be_charged = |failure: &TurnFailure| {
            let kinds = GatewayErrorKind::ALL.into_iter().filter(|kind| kind.may_be_charged());
            kinds.map(GatewayErrorKind::code).any(|code| code == failure.code)
        };
        let (tokens, is_estimated) = match self.answer.usage {
            Some(tokens) => (tokens, false),
            // A provider that refuses a request does not charge for it.
            None if failed_before_words && !failure.is_some_and(may_be_charged) => (TokenUsage::default(), false),
            None => {
                let output_tokens = estimate::tokens_of(&self.answer.written());
                let input_tokens = call.estimated_input_tokens;
                (TokenUsage::estimated(self.answer.outdated, input_tokens, output_tokens), true)
            }
        };
        let metadata = json!({ "finish_reason": self.answer.finish_reason, "error": failure.map(|f| &f.code) });
        Spent { call, tokens, is_estimated, responded_at: self.app.now(), metadata, recorder: None }
    }

    /// Whether another instance has the stream: its end is then refused in one way or another.
    async fn is_taken_over(&self) -> bool {
        let lost = |stream: Stream| stream.epoch != self.turn.stream.epoch || stream.state != StreamState::Running;
        self.stream().await.is_some_and(lost)
    }

    /// The stream as it is stored, if it can be read.
    async fn stream(&self) -> Option<Stream> {
        let id = self.turn.stream.id;
        self.app.query_in(&self.turn.scope, async |tx| Ok(tx.streams().get(id).await?)).await.ok().flatten()
    }

    /// Writes the settlement, with all events in place of those that are stored; returns the last event, and
    /// the answer as readers see it.
    async fn write(
        &self,
        settlement: &Settlement,
        events: &[StreamEvent],
        is_stored: bool,
    ) -> Result<(StreamEvent, Option<MessageView>)> {
        let (turn, now) = (&self.turn, self.app.now());
        let work = |tx: Uow| async move {
            let row = self.write_costs(&tx, settlement).await?;
            let update = AnswerUpdate {
                status: settlement.status,
                parts: self.answer.parts.clone(),
                tokens: row.as_ref().map(|row| row.tokens),
                cost: row.as_ref().and_then(|row| row.cost),
                finish_reason: self.answer.finish_reason.clone(),
                error: settlement.failure.as_ref().map(|failure| json!(failure)),
                at: now,
            };
            let last = self.last_event(settlement, &update);
            let events: Vec<StreamEvent> = events.iter().chain([&last]).cloned().collect();
            if is_stored {
                tx.streams().finish_whole(turn.lease(), settlement.state, &events, now).await?;
            } else {
                tx.streams().finish(turn.lease(), settlement.state, &events, now).await?;
            }
            let after = json!({ "status": settlement.status.as_str(), "request_id": turn.stream.request_id });
            let audited = tx.record(Act::on("turn_settled", "message", turn.answer.id.0).now(after)).await?;
            tx.messages().update_answer(turn.answer.id, &update).await?;
            if !settlement.citations.is_empty() {
                let citations: Vec<Citation> =
                    settlement.citations.iter().map(|(citation, _)| citation.clone()).collect();
                tx.retrieval().insert_citations(&citations).await?;
            }
            let view = self.view(&tx, settlement, &update).await?;
            Ok(((last, view), audited))
        };
        self.app.at(Priority::Settlement).change_in(&turn.scope, Some(&turn.actor), work).await
    }

    /// Writes the search with what it cost, and what the call to the model cost; returns the latter's
    /// row of the ledger.
    async fn write_costs(&self, tx: &Uow, settlement: &Settlement) -> Result<Option<UsageLog>> {
        if let Some(retrieved) = &self.retrieved {
            if let Some(spent) = &retrieved.spent {
                self.app.settle_call(tx, spent).await?;
            }
            tx.retrieval().insert_run(&retrieved.run, &retrieved.hits).await?;
        }
        match &settlement.spent {
            Some(spent) => Ok(Some(self.app.account(tx, spent).await?)),
            None => Ok(None),
        }
    }

    /// The event that says how the turn ended.
    fn last_event(&self, settlement: &Settlement, update: &AnswerUpdate) -> StreamEvent {
        let event = match (&settlement.failure, settlement.state) {
            (Some(failure), _) => TurnEvent::TurnFailed { error: failure.clone() },
            (None, StreamState::Stopped) => TurnEvent::TurnStopped {},
            (None, _) => TurnEvent::TurnCompleted {
                usage: update.tokens.unwrap_or_default(),
                cost: update.cost,
                finish_reason: update.finish_reason.clone(),
            },
        };
        StreamEvent { number: self.answer.next_number(), event }
    }

    /// The answer as readers of this process see it, without a query of each of them. What a citation
    /// is worth depends on the reader, so an answer with citations is read by each.
    async fn view(&self, tx: &Uow, settlement: &Settlement, update: &AnswerUpdate) -> Result<Option<MessageView>> {
        if !settlement.citations.is_empty() {
            return Ok(None);
        }
        let mut message = self.turn.answer.clone();
        update.apply(&mut message);
        let siblings = tx.messages().siblings(message.conversation_id, &[message.parent_id]).await?;
        let siblings = match siblings.as_slice() {
            [] => vec![message.id],
            several => several.iter().map(|sibling| sibling.id).collect(),
        };
        Ok(Some(MessageView { message, siblings, citations: Vec::new() }))
    }
}
