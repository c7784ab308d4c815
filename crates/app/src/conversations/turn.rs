//! The turn: a durable state machine. *Open* (in [`super::open`]) commits the question, the pending
//! answer and the stream; the *pump* here owns the call to the provider and goes on when every
//! client has left; *settle* commits the answer, its citations and its cost together; *reconcile*
//! ends what a dead process left behind.

use std::sync::Arc;

use domain::{
    access::{Actor, Credential, Scope},
    conversations::{RetrievalChoice, Stream, StreamEvent, StreamLease},
    gateways::{ChatModel, ModelName},
    ids::{ConversationId, MessageId, TenantId},
    usage::{AgentType, ProviderCall, call::CALL_LEASE_SECONDS},
};

pub(crate) use self::prompt::Branch;
use self::prompt::Prepared;
use crate::App;

mod answer;
mod citations;
mod prompt;
mod pump;
pub(crate) mod reconcile;
mod settle;

/// An opened turn, ready to be pumped.
pub(crate) struct Turn {
    pub(crate) scope: Scope,
    pub(crate) actor: Actor,
    pub(crate) tenant_id: TenantId,
    pub(crate) conversation_id: ConversationId,
    /// The branch that the question ends.
    pub(crate) branch: Arc<Branch>,
    pub(crate) answer_id: MessageId,
    pub(crate) stream: Stream,
    pub(crate) name: ModelName,
    pub(crate) model: Arc<dyn ChatModel>,
    pub(crate) system_prompt: Option<String>,
    pub(crate) retrieval: RetrievalChoice,
    pub(crate) started: StreamEvent,
    /// What is sent, where nothing has to be looked for first; the call is on record then.
    pub(crate) ready: Option<Prepared>,
}

impl Turn {
    /// The right to write to the stream.
    const fn lease(&self) -> StreamLease {
        StreamLease { id: self.stream.id, epoch: self.stream.epoch }
    }

    /// The call to the provider, as the ledger knows it.
    fn call(&self, app: &App, estimated_input_tokens: u64) -> ProviderCall {
        let now = app.now();
        ProviderCall {
            request_id: self.stream.request_id,
            tenant_id: self.tenant_id,
            user_id: Some(self.actor.user_id),
            api_key_id: match self.actor.credential {
                Credential::ApiKey(id) => Some(id),
                Credential::Session(_) | Credential::Embedded => None,
            },
            conversation_id: Some(self.conversation_id),
            message_id: Some(self.answer_id),
            agent_type: AgentType::Chat,
            provider: self.name.provider.clone(),
            model: self.name.model.clone(),
            estimated_input_tokens,
            requested_at: now,
            lease_expires_at: now + chrono::TimeDelta::seconds(CALL_LEASE_SECONDS),
        }
    }
}
