//! Calls to providers, measured where the application makes them.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Instant,
};

use domain::{
    gateways::{
        ChatDelta, ChatModel, ChatRequest, ChatStream, Embedder, EmbeddingInput, Embeddings, GatewayError,
        GatewayErrorKind, ModelName,
    },
    usage::ledger::MOST_TOKENS,
};
use futures::{Stream, StreamExt as _};
use tracing::{Instrument as _, Span, field};

use crate::knowledge::VectorForm;

/// Most models that are told apart. Clients name them, and a figure must not grow by what they send.
const MAX_MODELS: usize = 200;
/// Stands for a model that its provider does not know, and for those beyond [`MAX_MODELS`].
const OTHER_MODEL: &str = "other";
/// The outcome of a call that came to its end.
const COMPLETED: &str = "completed";
/// The outcome of a call that was given up before its end.
const CANCELLED: &str = "cancelled";

/// Asks a model. The call is measured until its stream ends or is dropped.
///
/// # Errors
/// Those of [`ChatModel::chat`].
pub(crate) async fn chat(
    model: &Arc<dyn ChatModel>,
    name: &ModelName,
    request: ChatRequest,
) -> Result<ChatStream, GatewayError> {
    let ModelName { provider, model: model_name } = name;
    let span = tracing::info_span!("provider.chat", provider, model = model_name, outcome = field::Empty);
    let mut call = Call::begin("chat", provider, model_name, span);
    match model.chat(request).instrument(call.span.clone()).await {
        Ok(stream) => Ok(MeasuredStream { stream, call, has_spoken: false }.boxed()),
        Err(error) => {
            call.outcome = error.kind.code();
            Err(error)
        }
    }
}

/// Embeds a batch, measured.
///
/// # Errors
/// Those of [`Embedder::embed`].
pub(crate) async fn embed(
    embedder: &Arc<dyn Embedder>,
    input: &EmbeddingInput,
    form: VectorForm,
) -> Result<Embeddings, GatewayError> {
    let (provider, model) = (&embedder.model().provider, &embedder.model().model);
    let span = tracing::info_span!("provider.embed", provider, model, outcome = field::Empty);
    let mut call = Call::begin("embed", provider, model, span);
    let asked = match form {
        VectorForm::Normalised(purpose) => embedder.embed(input, purpose),
        VectorForm::AsGiven { dimensions } => embedder.embed_as_given(input, dimensions),
    };
    let embedded = asked.instrument(call.span.clone()).await;
    call.outcome = embedded.as_ref().map_or_else(|error| error.kind.code(), |_| COMPLETED);
    embedded.map(|embeddings| match embeddings.input_tokens {
        0..=MOST_TOKENS => embeddings,
        _ => Embeddings { input_tokens: input.estimated_tokens(), is_estimated: true, ..embeddings },
    })
}

/// A call under way. It is counted when it is dropped, however it ended.
struct Call {
    operation: &'static str,
    provider: String,
    model: String,
    begun: Instant,
    outcome: &'static str,
    span: Span,
}

impl Call {
    fn begin(operation: &'static str, provider: &str, model: &str, span: Span) -> Self {
        let (provider, model) = (provider.to_owned(), model.to_owned());
        Self { operation, provider, model, begun: Instant::now(), outcome: CANCELLED, span }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.span.record("outcome", self.outcome);
        let model = model_label(&self.provider, &self.model, self.outcome);
        metrics::histogram!(
            "banyan_provider_call_seconds",
            "operation" => self.operation,
            "provider" => self.provider.clone(),
            "model" => model,
            "outcome" => self.outcome,
        )
        .record(self.begun.elapsed());
    }
}

/// The model as figures name it.
fn model_label(provider: &str, model: &str, outcome: &str) -> String {
    static KNOWN: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());
    if outcome != GatewayErrorKind::UnknownModel.code() {
        let name = (provider.to_owned(), model.to_owned());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&name) || (known.len() < MAX_MODELS && known.insert(name)) {
            return model.to_owned();
        }
    }
    OTHER_MODEL.to_owned()
}

/// A model's stream, let in delta by delta.
struct MeasuredStream {
    stream: ChatStream,
    call: Call,
    has_spoken: bool,
}

impl Stream for MeasuredStream {
    type Item = Result<ChatDelta, GatewayError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { stream, call, has_spoken } = self.get_mut();
        let next = loop {
            match call.span.in_scope(|| stream.poll_next_unpin(context)) {
                Poll::Ready(Some(Ok(delta))) => match delta.let_in() {
                    Some(delta) => break Poll::Ready(Some(Ok(delta))),
                    None => call.span.in_scope(|| tracing::warn!("what the model said was nothing that is kept")),
                },
                other => break other,
            }
        };
        match &next {
            Poll::Ready(None) if call.outcome == CANCELLED => call.outcome = COMPLETED,
            Poll::Ready(Some(Err(error))) => call.outcome = error.kind.code(),
            Poll::Ready(Some(Ok(ChatDelta::Text(_) | ChatDelta::Reasoning(_) | ChatDelta::ToolCall(_))))
                if !*has_spoken =>
            {
                *has_spoken = true;
                metrics::histogram!(
                    "banyan_provider_first_token_seconds",
                    "provider" => call.provider.clone(),
                    "model" => model_label(&call.provider, &call.model, call.outcome),
                )
                .record(call.begun.elapsed());
            }
            Poll::Ready(_) | Poll::Pending => {}
        }
        next
    }
}
