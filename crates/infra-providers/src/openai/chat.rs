//! Chat over the wire: the provider's event stream as a stream of deltas.

use std::sync::Arc;

use async_trait::async_trait;
use domain::gateways::{ChatModel, ChatRequest, ChatStream, GatewayError};
use futures::{StreamExt, stream};
use serde_json::Value;

use super::{OpenAiConnection, completion::OpenCompletion, request};

/// The models of a provider, as a chat model.
pub struct OpenAiChat {
    connection: Arc<OpenAiConnection>,
}

impl OpenAiChat {
    /// The models behind a connection.
    #[must_use]
    pub fn new(connection: Arc<OpenAiConnection>) -> Self {
        Self { connection }
    }

    /// Asks once, and reads as far as the first delta.
    async fn open(&self, body: &Value) -> Result<ChatStream, GatewayError> {
        let response = self.connection.post("chat/completions", body, true).await?;
        let mut answer = OpenCompletion::new(Arc::clone(&self.connection), response);
        let Some(first) = answer.next().await.transpose()? else { return Ok(stream::empty().boxed()) };
        let rest = stream::unfold(answer, |mut answer| async move { Some((answer.next().await?, answer)) });
        Ok(stream::iter([Ok(first)]).chain(rest).boxed())
    }
}

#[async_trait]
impl ChatModel for OpenAiChat {
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream, GatewayError> {
        let known = self.connection.quirks.of(&request.model);
        let mut quirks = known;
        // Each round leaves something of ours out, so there are few.
        loop {
            let body = request::body(&request, self.connection.limit_names(), quirks);
            match self.open(&body).await {
                Ok(stream) => {
                    if quirks != known {
                        self.connection.quirks.remember(&request.model, quirks);
                    }
                    return Ok(stream);
                }
                Err(error) => quirks = quirks.after(&error, &body).ok_or(error)?,
            }
        }
    }
}
