//! A model whose every word the test says.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    gateways::{ChatDelta, ChatModel, ChatModels, ChatRequest, ChatStream, GatewayError, ModelDescription, ModelName},
    usage::TokenUsage,
};
use futures::{StreamExt, stream};
use tokio::sync::{Mutex, mpsc};

type Deltas = mpsc::UnboundedReceiver<Result<ChatDelta, GatewayError>>;

/// `openai/scripted`, answered by the test; calls wait in line for it.
pub(crate) struct ManualModels {
    model: Arc<ManualModel>,
    calls: Mutex<mpsc::UnboundedReceiver<Answering>>,
}

struct ManualModel {
    calls: mpsc::UnboundedSender<Answering>,
}

/// A call that is being answered. Dropping it ends the answer as if it were whole.
pub(crate) struct Answering {
    pub(crate) request: ChatRequest,
    deltas: mpsc::UnboundedSender<Result<ChatDelta, GatewayError>>,
}

impl ManualModels {
    pub(crate) fn new() -> Arc<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        Arc::new(Self { model: Arc::new(ManualModel { calls: sender }), calls: Mutex::new(receiver) })
    }

    /// The next call.
    pub(crate) async fn call(&self) -> Answering {
        self.calls.lock().await.recv().await.unwrap()
    }
}

impl Answering {
    pub(crate) fn say(&self, text: &str) {
        // Nobody may listen any more; that is what some tests are about.
        let _ = self.deltas.send(Ok(ChatDelta::Text(text.to_owned())));
    }

    /// Ends the answer with the provider's count.
    pub(crate) fn finish(self, input_tokens: u64, output_tokens: u64) {
        let usage = TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() };
        let _ = self.deltas.send(Ok(ChatDelta::Finished("stop".to_owned())));
        let _ = self.deltas.send(Ok(ChatDelta::Usage(usage)));
    }
}

#[async_trait]
impl ChatModel for ManualModel {
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, GatewayError> {
        let (deltas, receiver) = mpsc::unbounded_channel();
        self.calls.send(Answering { request, deltas }).unwrap();
        let next = |mut receiver: Deltas| async move { receiver.recv().await.map(|delta| (delta, receiver)) };
        Ok(stream::unfold(receiver, next).boxed())
    }
}

#[async_trait]
impl ChatModels for ManualModels {
    async fn list(&self) -> Vec<ModelDescription> {
        vec![ModelDescription { name: ModelName::parse(super::MODEL).unwrap(), created: 0 }]
    }

    async fn resolve(&self, name: &str) -> Result<(ModelName, Arc<dyn ChatModel>), GatewayError> {
        let full = ModelName::parse(super::MODEL).unwrap();
        if name == full.model {
            // Providers are asked for a bare name, which takes a moment.
            tokio::task::yield_now().await;
            return Ok((full, self.model.clone()));
        }
        Ok((ModelName::parse(name).unwrap(), self.model.clone()))
    }
}
