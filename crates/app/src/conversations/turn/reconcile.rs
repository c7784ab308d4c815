//! Reconciling: turns whose process is gone end as interrupted, with what they had and what it cost.

use chrono::TimeDelta;
use domain::{
    access::Scope,
    conversations::{
        AnswerUpdate, ExpiredStream, MessageStatus, StreamEvent, StreamState, TurnEvent, TurnFailure,
        stream::STREAM_LEASE_SECONDS,
    },
    gateways::{ChatDelta, ModelName, ToolCall, Topic},
    usage::{TokenUsage, estimate},
};
use serde_json::json;

use super::{answer::Answer, call_of};
use crate::{App, Error, Result, audit::Act, usage::Spent};

/// Most streams that are taken over at once.
const BATCH: u32 = 50;
/// Events read at once.
const EVENT_BATCH: u32 = 1_000;

impl App {
    /// Takes over streams whose lease has run out and ends them; answers how many.
    pub(crate) async fn reconcile_streams(&self) -> Result<usize> {
        let now = self.now();
        let tx = self.write(&Scope::system("take over streams without a pump")).await?;
        let lease_expires_at = now + TimeDelta::seconds(STREAM_LEASE_SECONDS);
        let expired = tx.streams().take_expired(now, lease_expires_at, BATCH).await?;
        tx.commit().await?;
        for stream in &expired {
            match self.retrying(|| self.interrupt(*stream)).await {
                Ok(()) => tracing::info!(stream = %stream.lease.id, "ended a stream whose process was gone"),
                Err(error) if error.is_stale() => {}
                Err(error) => tracing::error!(stream = %stream.lease.id, error = ?error, "could not end a stream"),
            }
        }
        Ok(expired.len())
    }

    async fn interrupt(&self, expired: ExpiredStream) -> Result<()> {
        let now = self.now();
        let lease = expired.lease;
        let tx = self.write(&Scope::system_in(expired.tenant_id)).await?;
        let found = tx.streams().get(lease.id).await?;
        let stream = found.ok_or_else(|| Error::not_found("stream", lease.id.0))?;
        let mut answer = Answer::after(stream.last_event);
        let mut after = 0;
        loop {
            let events = tx.streams().events(lease.id, after, EVENT_BATCH).await?;
            let Some(last) = events.last() else { break };
            after = last.number;
            for event in events {
                take(&mut answer, event.event);
            }
        }
        let mut tokens = None;
        let mut cost = None;
        // A call that is not on record was not made.
        if let Some(input_tokens) = stream.estimated_input_tokens {
            let answer_row = tx.messages().get(stream.message_id).await?;
            let model = answer_row.and_then(|message| message.model).unwrap_or_default();
            let call = call_of(&stream, &ModelName::parse(&model)?, input_tokens, stream.created_at);
            let output_tokens = estimate::tokens_of(&answer.written());
            let spent = Spent {
                tokens: TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() },
                is_estimated: true,
                responded_at: now,
                metadata: json!({ "error": "interrupted" }),
                recorder: None,
                call,
            };
            let row = self.account(tx.as_ref(), &spent).await?;
            tokens = Some(row.tokens);
            cost = row.cost;
        }
        let message = "the server stopped while it wrote; the text so far is kept: regenerate to ask again";
        let failure = TurnFailure { code: "interrupted".to_owned(), message: message.to_owned() };
        let update = AnswerUpdate {
            status: MessageStatus::Interrupted,
            parts: answer.parts.clone(),
            tokens,
            cost,
            finish_reason: None,
            error: Some(json!(failure)),
            at: now,
        };
        let last = StreamEvent {
            number: answer.next_number(),
            event: TurnEvent::TurnFailed { error: failure },
            created_at: now,
        };
        tx.streams().finish(lease, StreamState::Interrupted, &[last], now).await?;
        let act = Act::on("turn_interrupted", "message", stream.message_id.0);
        self.audit_in(tx.as_ref(), Some(expired.tenant_id), None, act).await?;
        tx.messages().update_answer(stream.message_id, &update).await?;
        tx.commit().await?;
        self.parts.wakeups.send(Topic::Stream(lease.id.0)).await;
        Ok(())
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
        TurnEvent::ToolCall { id, name, arguments } => {
            answer.take(ChatDelta::ToolCall(ToolCall { id, name, arguments }));
        }
        TurnEvent::TurnStarted { .. }
        | TurnEvent::RetrievalCompleted { .. }
        | TurnEvent::CitationAdded { .. }
        | TurnEvent::TurnCompleted { .. }
        | TurnEvent::TurnFailed { .. }
        | TurnEvent::TurnStopped {} => {}
    }
}
