//! Embedding with an account of it.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    access::{Actor, Credential},
    gateways::{Embedder, EmbeddingInput, EmbeddingPurpose, Embeddings, GatewayErrorKind},
    ids::{ApiKeyId, ConversationId, MessageId, RequestId, TenantId, UserId},
    usage::{AgentType, ProviderCall, TokenUsage, call::CALL_LEASE_SECONDS},
};
use serde_json::json;

use crate::{
    App, Result, measure,
    usage::{CallRecorder, Spent},
};

/// For whom something is embedded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Payer {
    pub(crate) tenant_id: TenantId,
    pub(crate) user_id: Option<UserId>,
    pub(crate) api_key_id: Option<ApiKeyId>,
    pub(crate) conversation_id: Option<ConversationId>,
    pub(crate) message_id: Option<MessageId>,
}

impl Payer {
    /// The actor, in a tenant, for nothing in particular.
    pub(crate) fn of(actor: &Actor, tenant_id: TenantId) -> Self {
        let api_key_id = match actor.credential {
            Credential::ApiKey(id) => Some(id),
            Credential::Session(_) | Credential::Embedded => None,
        };
        Self { tenant_id, user_id: actor.owner(), api_key_id, conversation_id: None, message_id: None }
    }
}

/// In what form vectors are wanted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum VectorForm {
    /// Of length 1 each, as the index compares them.
    Normalised(EmbeddingPurpose),
    /// As the model gives them.
    AsGiven {
        /// How many numbers, where it is not to be the model's own count. Whoever asks for one looks whether it came.
        dimensions: Option<u32>,
    },
}

impl From<EmbeddingPurpose> for VectorForm {
    fn from(purpose: EmbeddingPurpose) -> Self {
        Self::Normalised(purpose)
    }
}

/// Whether a provider may charge for a failed call: its answer was lost, or could not be read. Such a
/// call stays on record, and is settled by our estimate.
const fn may_be_charged(failure: GatewayErrorKind) -> bool {
    failure.may_be_charged() || matches!(failure, GatewayErrorKind::Protocol)
}

impl App {
    /// Embeds a batch; the caller writes what was spent into the ledger.
    pub(crate) async fn embed(
        &self,
        embedder: &Arc<dyn Embedder>,
        payer: Payer,
        input: &EmbeddingInput,
        form: impl Into<VectorForm>,
    ) -> Result<(Embeddings, Spent)> {
        let model = embedder.model();
        let now = self.now();
        let call = ProviderCall {
            request_id: RequestId(self.parts.ids.random()),
            tenant_id: payer.tenant_id,
            user_id: payer.user_id,
            api_key_id: payer.api_key_id,
            conversation_id: payer.conversation_id,
            message_id: payer.message_id,
            agent_type: AgentType::Embedding,
            provider: model.provider.clone(),
            model: model.model.clone(),
            estimated_input_tokens: input.estimated_tokens(),
            requested_at: now,
            lease_expires_at: now + TimeDelta::seconds(CALL_LEASE_SECONDS),
        };
        let recorder = CallRecorder::start(self, call.clone()).await?;
        let embeddings = match measure::embed(embedder, input, form.into()).await {
            Ok(embeddings) => embeddings,
            Err(error) => {
                if !may_be_charged(error.kind) {
                    self.forget_call(&call, recorder).await;
                }
                return Err(error.into());
            }
        };
        let spent = Spent {
            call,
            tokens: TokenUsage { input_tokens: embeddings.input_tokens, ..TokenUsage::default() },
            is_estimated: embeddings.is_estimated,
            responded_at: self.now(),
            metadata: json!({ "inputs": input.count() }),
            recorder: Some(recorder),
        };
        Ok((embeddings, spent))
    }
}
