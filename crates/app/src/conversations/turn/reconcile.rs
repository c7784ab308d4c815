//! Reconciling: turns whose process is gone end as interrupted, with what they had and what it cost.

use chrono::TimeDelta;
use domain::{
    access::Scope,
    conversations::{
        AnswerUpdate, ExpiredStream, MessageStatus, Stream, StreamEvent, StreamState, TurnEvent, TurnFailure,
        stream::STREAM_LEASE_SECONDS,
    },
    gateways::{ChatDelta, ModelName, ToolCall, Topic},
    usage::{TokenUsage, UsageLog, estimate},
};
use serde_json::json;

use super::{answer::Answer, call_of};
use crate::{App, Error, Result, audit::Act, unit_of_work::Uow, usage::Spent};

/// Most streams that are taken over at once.
const BATCH: u32 = 50;
/// Events read at once.
const EVENT_BATCH: u32 = 1_000;

impl App {
    /// Takes over streams whose lease has run out and ends them; returns how many.
    // A lease that has run out says only that its pump has not renewed it: the process may be dead,
    // cut off or slow. Taking a stream over raises its epoch, in one statement for all of them, so that
    // of several instances one gets each stream, and a pump that still lives is refused from then on,
    // whatever it writes. After that nobody else may write to the stream, and its stored events are
    // what the answer was. Each is ended in a transaction of its own: one that cannot be ended does not
    // keep the others, and is found again when the new lease runs out.
    pub(crate) async fn reconcile_streams(&self) -> Result<usize> {
        let now = self.now();
        let lease_expires_at = now + TimeDelta::seconds(STREAM_LEASE_SECONDS);
        let take = |tx: Uow| async move { Ok(tx.streams().take_expired(now, lease_expires_at, BATCH).await?) };
        let scope = Scope::system("take over streams without a pump");
        let expired = self.unaudited(&scope, "the end of each is audited", take).await?;
        for stream in &expired {
            match self.interrupt(*stream).await {
                Ok(()) => tracing::info!(stream = %stream.lease.id, "ended a stream whose process was gone"),
                Err(error) if error.is_stale() => {}
                Err(error) => tracing::error!(stream = %stream.lease.id, error = ?error, "could not end a stream"),
            }
        }
        Ok(expired.len())
    }

    async fn interrupt(&self, expired: ExpiredStream) -> Result<()> {
        let (now, lease) = (self.now(), expired.lease);
        let work = |tx: Uow| async move {
            let found = tx.streams().get(lease.id).await?;
            let stream = found.ok_or_else(|| Error::not_found("stream", lease.id.0))?;
            let answer = stored_answer(&tx, &stream).await?;
            let row = self.account_by_estimate(&tx, &stream, &answer).await?;
            let message = "the server stopped while it wrote; the text so far is kept: regenerate to ask again";
            let failure = TurnFailure::new("interrupted", message);
            let update = AnswerUpdate {
                status: MessageStatus::Interrupted,
                parts: answer.parts.clone(),
                tokens: row.as_ref().map(|row| row.tokens),
                cost: row.and_then(|row| row.cost),
                finish_reason: None,
                error: Some(json!(failure)),
                at: now,
            };
            let event = TurnEvent::TurnFailed { error: failure };
            let last = StreamEvent { number: answer.next_number(), event };
            tx.streams().finish(lease, StreamState::Interrupted, &[last], now).await?;
            let audited = tx.record(Act::on("turn_interrupted", "message", stream.message_id.0)).await?;
            tx.messages().update_answer(stream.message_id, &update).await?;
            tx.wake(Topic::Stream(lease.id.0));
            Ok(((), audited))
        };
        self.change_in(&Scope::system_in(expired.tenant_id), None, work).await
    }

    /// Writes the call of a stream into the ledger, by what was sent and what came. A call that is not
    /// on record was not made.
    async fn account_by_estimate(&self, tx: &Uow, stream: &Stream, answer: &Answer) -> Result<Option<UsageLog>> {
        let Some(input_tokens) = stream.estimated_input_tokens else { return Ok(None) };
        let answer_row = tx.messages().get(stream.message_id).await?;
        let model = answer_row.and_then(|message| message.model).unwrap_or_default();
        let call = call_of(stream, &ModelName::from_stored(&model)?, input_tokens, stream.created_at);
        let output_tokens = estimate::tokens_of(&answer.written());
        let spent = Spent {
            tokens: TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() },
            is_estimated: true,
            responded_at: self.now(),
            metadata: json!({ "error": "interrupted" }),
            recorder: None,
            call,
        };
        self.account(tx, &spent).await.map(Some)
    }
}

/// The answer as its stored events tell it.
async fn stored_answer(tx: &Uow, stream: &Stream) -> Result<Answer> {
    let mut answer = Answer::after(stream.last_event);
    let mut after = 0;
    loop {
        let events = tx.streams().events(stream.id, after, EVENT_BATCH).await?;
        let Some(last) = events.last() else { return Ok(answer) };
        after = last.number;
        for event in events {
            take(&mut answer, event.event);
        }
    }
}

/// Puts a stored event back into the answer it told of.
fn take(answer: &mut Answer, event: TurnEvent) {
    match event {
        TurnEvent::TextDelta { text } => {
            answer.take(ChatDelta::Text(text));
        }
        TurnEvent::ReasoningDelta { text } => {
            answer.take(ChatDelta::Reasoning(text));
        }
        TurnEvent::ToolCall { id, name, arguments, extra } => {
            answer.take(ChatDelta::ToolCall(ToolCall { id, name, arguments, extra }));
        }
        TurnEvent::AnswerExtra { extra } => {
            answer.take(ChatDelta::Extra(extra));
        }
        TurnEvent::TurnStarted { .. }
        | TurnEvent::RetrievalCompleted { .. }
        | TurnEvent::CitationAdded { .. }
        | TurnEvent::TurnCompleted { .. }
        | TurnEvent::TurnFailed { .. }
        | TurnEvent::TurnStopped {} => {}
    }
}
