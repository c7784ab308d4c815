//! Chat completions that store nothing but usage and audit.

use chrono::TimeDelta;
use domain::{
    access::{Actor, Permission, Scope},
    clock::Timestamp,
    error::ValueError,
    gateways::{ChatDelta, ChatModel, ChatRequest, GatewayErrorKind, ModelName, PromptRole},
    ids::{ConversationId, RequestId},
    knowledge::{RetrievalMode, retrieval::DEFAULT_PASSAGES},
    usage::{AgentType, ProviderCall, TokenUsage, call::CALL_LEASE_SECONDS, estimate},
};
use futures::StreamExt;
use serde_json::json;
use std::sync::Arc;

use super::{
    OpenAi,
    log::{LogReader, LogWriter, log},
};
use crate::{
    App, Error, Result,
    audit::Act,
    knowledge::{Payer, Retrieval},
    usage::{CallRecorder, Spent},
};

/// Most messages of a request.
const MAX_MESSAGES: usize = 2_000;
/// Most bytes of an answer.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// A chat completion as it was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatCompletion {
    /// The model, as the client named it.
    pub model: String,
    /// The prompt with its parameters; `model` and `passages` inside it are filled in here.
    pub request: ChatRequest,
    /// Send the last user message under the head of this conversation and ignore the rest.
    pub conversation_id: Option<ConversationId>,
    /// Keep the messages as a new conversation.
    pub store: bool,
}

/// What a completion tells.
#[derive(Debug, Clone, PartialEq)]
pub enum CompletionEvent {
    /// A piece of the answer.
    Delta(ChatDelta),
    /// The end, settled: why the model stopped, and the tokens.
    Finished {
        /// `stop`, `length`, `tool_calls` …
        finish_reason: String,
        /// The provider's count, or our estimate.
        usage: TokenUsage,
    },
    /// The end, by a failure: its code and a sentence.
    Failed {
        /// The stable code.
        code: String,
        /// The sentence.
        message: String,
    },
}

/// A completion under way. Dropping it cancels nothing.
pub struct Completion {
    /// The model that answers.
    pub model: ModelName,
    /// Its call, by which the ledger knows it.
    pub request_id: RequestId,
    /// When the model was asked.
    pub created: Timestamp,
    /// The conversation it is stored in, if it is.
    pub conversation_id: Option<ConversationId>,
    pub(super) events: LogReader<CompletionEvent>,
}

impl Completion {
    /// The next event; `None` after the last one.
    pub async fn next(&mut self) -> Option<CompletionEvent> {
        self.events.next().await
    }
}

impl OpenAi {
    /// Answers a prompt. Errors before the first delta come as the outer error.
    ///
    /// # Errors
    /// `forbidden`, `invalid`, `not_found` for the conversation, the provider's errors.
    pub async fn complete(&self, actor: &Actor, asked: ChatCompletion) -> Result<Completion> {
        let scope = self.app.parts.policy.allow(actor, Permission::ModelsUse)?;
        if asked.request.messages.is_empty() || asked.request.messages.len() > MAX_MESSAGES {
            let message = format!("must be 1 to {MAX_MESSAGES} messages");
            return Err(ValueError::new("messages", "out_of_range", message).into());
        }
        let this = self.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                if asked.conversation_id.is_some() || asked.store {
                    this.complete_in_conversation(&actor, asked).await
                } else {
                    this.complete_alone(actor, scope, asked).await
                }
            })
            .await
    }

    async fn complete_alone(&self, actor: Actor, scope: Scope, asked: ChatCompletion) -> Result<Completion> {
        let app = self.app.clone();
        let (name, model) = app.parts.models.resolve(&asked.model).await?;
        let mut request = asked.request;
        request.model.clone_from(&name.model);
        let mut query_spent = None;
        if name.provider == "banyan" {
            let question = request.messages.iter().rev().find(|message| message.role == PromptRole::User);
            let query = question.map(|message| message.text.clone()).unwrap_or_default();
            if !query.trim().is_empty() {
                let wanted = Retrieval {
                    query: &query,
                    collections: None,
                    mode: RetrievalMode::Hybrid,
                    limit: DEFAULT_PASSAGES,
                    conversation_id: None,
                    message_id: None,
                };
                let retrieved = app.retrieve(&actor, &scope, wanted).await?;
                request.passages = retrieved.passages;
                query_spent = retrieved.spent;
            }
        }
        let request_id = RequestId(app.parts.ids.random());
        let tenant_id = scope.tenant_id().ok_or_else(Error::unauthenticated)?;
        let payer = Payer::of(&actor, tenant_id);
        let now = app.now();
        let call = ProviderCall {
            request_id,
            tenant_id,
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
        };
        let (events, reader) = log();
        let (opened, opening) = tokio::sync::oneshot::channel();
        let recorder = CallRecorder::start(&app, call.clone()).await?;
        let pump = Alone { app: app.clone(), actor, scope, call, query_spent, events };
        app.parts.tasks.spawn(async move { pump.run(model, request, recorder, opened).await });
        opening.await.map_err(Error::internal)??;
        Ok(Completion { model: name, request_id, created: now, conversation_id: None, events: reader })
    }
}

/// A completion that stands alone, on its way.
struct Alone {
    app: App,
    actor: Actor,
    scope: Scope,
    call: ProviderCall,
    query_spent: Option<Spent>,
    events: LogWriter<CompletionEvent>,
}

impl Alone {
    async fn run(
        self,
        model: Arc<dyn ChatModel>,
        request: ChatRequest,
        recorder: CallRecorder,
        opened: tokio::sync::oneshot::Sender<Result<()>>,
    ) {
        let mut stream = match model.chat(request).await {
            Ok(stream) => stream,
            Err(error) => {
                let input_tokens = self.call.estimated_input_tokens;
                let usage = match error.kind {
                    GatewayErrorKind::Unreachable | GatewayErrorKind::Forbidden => None,
                    GatewayErrorKind::Timeout => Some(TokenUsage { input_tokens, ..TokenUsage::default() }),
                    // A provider that refuses a request does not charge for it.
                    _ => Some(TokenUsage::default()),
                };
                let is_estimated = error.kind == GatewayErrorKind::Timeout;
                let error = Error::from(error);
                self.settle(usage, is_estimated, Some(error.code), recorder).await;
                // A client that is gone does not hear of it; the ledger does.
                drop(opened.send(Err(error)));
                return;
            }
        };
        drop(opened.send(Ok(())));
        let mut written = 0;
        let mut finish_reason = None;
        let mut counted = None;
        let mut failure = None;
        loop {
            let delta = tokio::select! {
                delta = stream.next() => delta,
                () = self.app.parts.halt.cancelled() => {
                    failure = Some(("server_shutdown".to_owned(), "the server was shut down".to_owned()));
                    break;
                }
            };
            match delta {
                None => break,
                Some(Err(error)) => {
                    let error = Error::from(error);
                    tracing::warn!(request = %self.call.request_id, error = ?error, "a completion broke off");
                    failure = Some((error.code.to_owned(), error.message.clone()));
                    break;
                }
                Some(Ok(ChatDelta::Usage(usage))) => counted = Some(usage),
                Some(Ok(ChatDelta::Finished(reason))) => finish_reason = Some(reason),
                Some(Ok(delta)) => {
                    written += match &delta {
                        ChatDelta::Text(text) | ChatDelta::Reasoning(text) => text.len(),
                        ChatDelta::ToolCall(call) => call.arguments.len(),
                        ChatDelta::Finished(_) | ChatDelta::Usage(_) => 0,
                    };
                    self.events.push(CompletionEvent::Delta(delta));
                }
            }
            if written > MAX_ANSWER_BYTES {
                failure = Some(("answer_too_long".to_owned(), "the model wrote too much".to_owned()));
                break;
            }
        }
        drop(stream);
        let usage = counted.unwrap_or(TokenUsage {
            input_tokens: self.call.estimated_input_tokens,
            output_tokens: (written as u64).div_ceil(4),
            ..TokenUsage::default()
        });
        let code = failure.as_ref().map(|(code, _)| code.as_str());
        // The end alone waits for the ledger, never a piece of the answer.
        self.settle(Some(usage), counted.is_none(), code, recorder).await;
        self.events.push(match failure {
            Some((code, message)) => CompletionEvent::Failed { code, message },
            None => {
                let finish_reason = finish_reason.unwrap_or_else(|| "stop".to_owned());
                CompletionEvent::Finished { finish_reason, usage }
            }
        });
    }

    /// One transaction: usage and audit. What cannot be written is left to the reconciler.
    async fn settle(&self, usage: Option<TokenUsage>, is_estimated: bool, error: Option<&str>, recorder: CallRecorder) {
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
        let settled = self.app.retrying(|| async {
            let tx = self.app.write(&self.scope).await?;
            let act = Act::on("completion_settled", "request", self.call.request_id.0);
            self.app.audit(tx.as_ref(), &self.actor, act).await?;
            for spent in self.query_spent.iter().chain(&spent) {
                self.app.settle_call(tx.as_ref(), spent).await?;
            }
            Ok(tx.commit().await?)
        });
        if let Err(error) = settled.await {
            tracing::error!(request = %self.call.request_id, error = ?error, "a completion is left to the reconciler");
        }
    }
}
