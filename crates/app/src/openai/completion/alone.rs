//! A completion that stands alone: the model is read to its end, then the call is settled.

use std::{pin::pin, sync::Arc};

use chrono::TimeDelta;
use domain::{
    access::{Actor, Scope},
    conversations::{AnswerLinks, OwnAddresses},
    error::ValueError,
    gateways::{
        ChatDelta, ChatModel, ChatRequest, ChatStream, GatewayError, GatewayErrorKind, ModelName, Passage,
        PromptMessage, PromptRole,
    },
    ids::RequestId,
    knowledge::{RetrievalMode, retrieval::DEFAULT_PASSAGES},
    store::Priority,
    usage::{AgentType, ProviderCall, TokenUsage, call::CALL_LEASE_SECONDS, estimate},
};
use futures::StreamExt;
use serde_json::json;
use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::{ChatCompletion, Completion, CompletionEvent, Failure};
use crate::{
    App, Error, ErrorKind, Result,
    audit::Act,
    conversations::{MAX_ANSWER_BYTES, TOO_SLOW},
    knowledge::{Payer, Retrieval},
    openai::{
        OpenAi,
        annotation::{Cited, annotations},
        conversation::BUILT_IN,
        dialect,
        log::{LogWriter, log},
        running::Place,
    },
    unit_of_work::{Uow, tenant_of},
    usage::{CallRecorder, MAX_SETTLEMENT_TRIES, SETTLEMENT_RETRY_PAUSE, Spent},
};

impl OpenAi {
    /// Answers a prompt; nothing is kept of it but its usage.
    pub(super) async fn complete_alone(&self, actor: Actor, scope: Scope, asked: ChatCompletion) -> Result<Completion> {
        let app = &self.app;
        let place = app.parts.running_calls.enter(&actor, &app.parts.settings)?;
        let (name, model) = app.parts.models.resolve(&asked.model).await?;
        let mut request = asked.request;
        request.model.clone_from(&name.model);
        let media = request.messages.iter().map(dialect::media_in).sum::<usize>() as u64;
        let query_spent = match name.provider.as_str() {
            BUILT_IN if media > 0 => {
                let message = format!("hold a picture or the like, and {name} reads texts alone; ask another model");
                return Err(ValueError::new("messages", "not_supported", message).into());
            }
            BUILT_IN => self.add_passages(&actor, &scope, &mut request).await?,
            _ => None,
        };
        let links = links_of(&request);
        let passages = request.passages.clone();
        let mut call = self.call_of(&actor, &scope, &name, &request)?;
        call.estimated_input_tokens += media * MEDIA_TOKENS;
        let (request_id, created) = (call.request_id, call.requested_at);
        let (events, reader) = log();
        let (opened, opening) = oneshot::channel();
        let recorder = CallRecorder::start(app, call.clone()).await?;
        let actor = Arc::new(actor);
        let alone = Alone {
            app: app.clone(),
            actor,
            scope,
            name: name.clone(),
            call,
            query_spent,
            passages,
            events,
            _place: place,
        };
        let run = async move { alone.run(model, request, links, recorder, opened).await };
        app.parts.tasks.spawn(run.in_current_span());
        opening.await.map_err(Error::internal)??;
        Ok(Completion { model: name, request_id, created, conversation_id: None, events: reader })
    }

    /// Looks for passages for the built-in model, which answers with nothing else; returns what the
    /// search cost.
    async fn add_passages(&self, actor: &Actor, scope: &Scope, request: &mut ChatRequest) -> Result<Option<Spent>> {
        let question = request.messages.iter().rev().find(|message| message.role == PromptRole::User);
        let query = question.map(|message| message.text.clone()).unwrap_or_default();
        if query.trim().is_empty() {
            return Ok(None);
        }
        let wanted = Retrieval {
            query: &query,
            collections: None,
            mode: RetrievalMode::Hybrid,
            limit: DEFAULT_PASSAGES,
            conversation_id: None,
            message_id: None,
        };
        let retrieved = self.app.retrieve(actor, scope, wanted).await?;
        request.passages = retrieved.passages;
        Ok(retrieved.spent)
    }

    /// The call as the ledger knows it.
    fn call_of(&self, actor: &Actor, scope: &Scope, name: &ModelName, request: &ChatRequest) -> Result<ProviderCall> {
        let payer = Payer::of(actor, tenant_of(scope)?);
        let now = self.app.now();
        Ok(ProviderCall {
            request_id: RequestId(self.app.parts.ids.random()),
            tenant_id: payer.tenant_id,
            user_id: payer.user_id,
            api_key_id: payer.api_key_id,
            conversation_id: None,
            message_id: None,
            agent_type: AgentType::Chat,
            provider: name.provider.clone(),
            model: name.model.clone(),
            estimated_input_tokens: estimate::tokens_of_messages(request.messages.iter().map(|m| m.text.as_str())),
            requested_at: now,
            lease_expires_at: now + TimeDelta::seconds(CALL_LEASE_SECONDS),
        })
    }
}

/// What a picture or recording counts as where the provider does not count it.
const MEDIA_TOKENS: u64 = 1_000;

/// How an answer ends that has no end: code and sentence.
const TOO_LONG: (&str, &str) = ("answer_too_long", "the model wrote too much");

/// How an answer ends whose cost could not be written.
const NOT_BOOKED: (&str, &str) =
    ("database_unavailable", "the answer could not be booked, as the database does not take it; ask again later");

/// What becomes of the links of an answer that we found passages for. What else a client has a model say is its own
/// affair, and passed on as it came.
fn links_of(request: &ChatRequest) -> Option<AnswerLinks> {
    let from_user = |message: &&PromptMessage| matches!(message.role, PromptRole::User | PromptRole::System);
    let texts = request.messages.iter().filter(from_user).map(|message| message.text.as_str());
    (!request.passages.is_empty()).then(|| AnswerLinks::new(OwnAddresses::of(texts), true))
}

/// A completion that stands alone, on its way.
struct Alone {
    app: App,
    actor: Arc<Actor>,
    scope: Scope,
    name: ModelName,
    call: ProviderCall,
    query_spent: Option<Spent>,
    /// What it may cite.
    passages: Vec<Passage>,
    events: LogWriter<CompletionEvent>,
    _place: Place,
}

/// What came of a model's stream.
#[derive(Default)]
struct Heard {
    /// Bytes that the model wrote.
    written: usize,
    /// Bytes of further fields, which are no tokens.
    further: usize,
    counted: Option<TokenUsage>,
    /// The last count, where more was said behind it.
    outdated: Option<TokenUsage>,
    finish_reason: Option<String>,
    /// Why it broke off, if it did.
    failure: Option<Failure>,
    /// The text as it was told, where it may cite something.
    text: String,
}

impl Alone {
    /// Asks the model and tells of its answer; settles the call at the end.
    // The call is on record before it is made, and its recorder keeps the record's lease until it is
    // settled: should this process die, another one settles the call by estimate. It is a task of the
    // application, so a client that leaves saves nobody the rest of the answer, which is paid for. No
    // unit of work is open while the model writes, and the end alone waits for the ledger, never a
    // piece of the answer.
    async fn run(
        self,
        model: Arc<dyn ChatModel>,
        request: ChatRequest,
        links: Option<AnswerLinks>,
        recorder: CallRecorder,
        opened: oneshot::Sender<Result<()>>,
    ) {
        let asked = tokio::select! {
            asked = self.app.ask(self.call.tenant_id, &model, &self.name, request) => asked,
            // It may have begun to write, and be paid for.
            (_, message) = self.cut_off() => Err(GatewayError::new(GatewayErrorKind::Timeout, message)),
        };
        let stream = match asked {
            Ok(stream) => stream,
            Err(error) => {
                let is_estimated = error.kind.may_be_charged();
                let usage = self.usage_of_refusal(error.kind);
                let error = Error::from(error);
                self.settle(usage, is_estimated, Some(error.code), recorder).await;
                // A client that is gone does not hear of it; the ledger does.
                drop(opened.send(Err(error)));
                return;
            }
        };
        drop(opened.send(Ok(())));
        let heard = self.read(stream, links).await;
        let usage = heard.counted.unwrap_or_else(|| {
            let written = (heard.written as u64).div_ceil(4);
            TokenUsage::estimated(heard.outdated, self.call.estimated_input_tokens, written)
        });
        let code = heard.failure.as_ref().map(|failure| failure.code);
        let is_settled = self.settle(Some(usage), heard.counted.is_none(), code, recorder).await;
        self.events.push(match heard.failure {
            Some(failure) => CompletionEvent::Failed(failure),
            // Nobody is told a count that is not booked.
            None if !is_settled => CompletionEvent::Failed(Failure::new(ErrorKind::Unavailable, NOT_BOOKED)),
            None => {
                let cited = Cited::of_passages(&heard.text, &self.passages);
                if !cited.is_empty() {
                    self.events.push(CompletionEvent::Annotated(annotations(&heard.text, &cited)));
                }
                let finish_reason = heard.finish_reason.unwrap_or_else(|| "stop".to_owned());
                CompletionEvent::Finished { finish_reason, usage }
            }
        });
    }

    /// What a call cost that failed before its stream; `None`: it was not made.
    fn usage_of_refusal(&self, kind: GatewayErrorKind) -> Option<TokenUsage> {
        let input_tokens = self.call.estimated_input_tokens;
        match kind {
            GatewayErrorKind::Unreachable | GatewayErrorKind::Forbidden => None,
            kind if kind.may_be_charged() => Some(TokenUsage { input_tokens, ..TokenUsage::default() }),
            // A provider that refuses a request does not charge for it.
            _ => Some(TokenUsage::default()),
        }
    }

    /// Reads the model's stream to its end, and tells of each piece.
    async fn read(&self, stream: ChatStream, mut links: Option<AnswerLinks>) -> Heard {
        let mut heard = Heard::default();
        heard.failure = self.hear(stream, links.as_mut(), &mut heard).await;
        self.tell(links.map(|mut links| links.end()).unwrap_or_default(), &mut heard.text);
        heard
    }

    fn tell(&self, deltas: Vec<ChatDelta>, text: &mut String) {
        for delta in deltas {
            if let ChatDelta::Text(piece) = &delta
                && !self.passages.is_empty()
            {
                text.push_str(piece);
            }
            self.events.push(CompletionEvent::Delta(delta));
        }
    }

    /// Hears the model out, and returns why it broke off, if it did.
    async fn hear(
        &self,
        mut stream: ChatStream,
        mut links: Option<&mut AnswerLinks>,
        heard: &mut Heard,
    ) -> Option<Failure> {
        let mut cut_off = pin!(self.cut_off());
        loop {
            let delta = tokio::select! {
                delta = stream.next() => delta,
                (code, message) = &mut cut_off => {
                    tracing::warn!(request = %self.call.request_id, code, "a completion is cut off");
                    let kind = if code == TOO_SLOW.0 { ErrorKind::UpstreamTimeout } else { ErrorKind::Unavailable };
                    return Some(Failure::new(kind, (code, message)));
                }
            };
            match delta {
                None => return None,
                Some(Err(error)) => {
                    let error = Error::from(error);
                    tracing::warn!(request = %self.call.request_id, error = ?error, "a completion broke off");
                    return Some(Failure::from(&error));
                }
                Some(Ok(ChatDelta::Usage(usage))) => heard.counted = Some(usage),
                Some(Ok(ChatDelta::UsageOutdated)) => heard.outdated = heard.counted.take(),
                Some(Ok(ChatDelta::Finished(reason))) => heard.finish_reason = Some(reason),
                Some(Ok(delta)) => {
                    match &delta {
                        ChatDelta::Text(text) | ChatDelta::Reasoning(text) => heard.written += text.len(),
                        ChatDelta::ToolCall(call) => heard.written += call.arguments.len(),
                        ChatDelta::Extra(extra) => heard.further += extra.bytes(),
                        ChatDelta::Finished(_) | ChatDelta::Usage(_) | ChatDelta::UsageOutdated => {}
                    }
                    let deltas = match &mut links {
                        Some(links) => links.pass(delta),
                        None => vec![delta],
                    };
                    self.tell(deltas, &mut heard.text);
                }
            }
            if heard.written + heard.further > MAX_ANSWER_BYTES {
                return Some(Failure::new(ErrorKind::Upstream, TOO_LONG));
            }
        }
    }

    /// Waits for what ends the answer from outside; returns its code and a sentence.
    async fn cut_off(&self) -> (&'static str, &'static str) {
        let parts = &self.app.parts;
        let unread = async {
            self.events.unread().await;
            parts.unread_calls.enough(&parts.settings).await;
        };
        tokio::select! {
            () = parts.halt.cancelled() => ("server_shutdown", "the server was shut down"),
            () = tokio::time::sleep(parts.settings.max_answer_time) => TOO_SLOW,
            () = unread => ("unread", "nobody read the answer any more"),
        }
    }

    /// One transaction, as often as it takes: usage and audit. Returns whether it was written; what could not be
    /// is left to the reconciler.
    // The recorder keeps the call's lease meanwhile, so that nobody else settles it by an estimate.
    async fn settle(
        &self,
        usage: Option<TokenUsage>,
        is_estimated: bool,
        error: Option<&str>,
        recorder: CallRecorder,
    ) -> bool {
        let spent = match usage {
            Some(tokens) => Some(Spent {
                call: self.call.clone(),
                tokens,
                is_estimated,
                responded_at: self.app.now(),
                metadata: json!({ "error": error }),
                recorder: Some(recorder),
            }),
            None => {
                self.app.forget_call(&self.call, recorder).await;
                None
            }
        };
        let spent = &spent;
        let work = |tx: Uow| async move {
            let act = Act::on("completion_settled", "request", self.call.request_id.0);
            let audited = tx.record(act).await?;
            for spent in self.query_spent.iter().chain(spent) {
                self.app.settle_call(&tx, spent).await?;
            }
            Ok(((), audited))
        };
        let app = self.app.at(Priority::Settlement);
        let mut tries = 1;
        loop {
            let request = self.call.request_id;
            match app.change_in(&self.scope, Some(&self.actor), work).await {
                Ok(()) => return true,
                Err(error) if !error.is_refused() && tries < MAX_SETTLEMENT_TRIES && !app.parts.halt.is_cancelled() => {
                    tries += 1;
                    tracing::warn!(%request, error = ?error, "a completion could not be settled yet");
                    tokio::time::sleep(SETTLEMENT_RETRY_PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(%request, error = ?error, "a completion is left to the reconciler");
                    return false;
                }
            }
        }
    }
}
