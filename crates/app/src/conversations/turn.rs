//! The turn: a durable state machine. *Open* (in [`super::open`]) commits the question, the pending
//! answer and the stream; the *pump* here owns the call to the provider and goes on when every
//! client has left; *settle* commits the answer, its citations and its cost together; *reconcile*
//! ends what a dead process left behind.

use std::sync::Arc;

use domain::{
    access::{Actor, Scope},
    clock::Timestamp,
    conversations::{Message, RetrievalChoice, Stream, StreamEvent, StreamLease},
    gateways::{ChatModel, ChatOptions, ChatRequest, ModelName},
    ids::{ConversationId, TenantId},
    usage::{AgentType, ProviderCall},
};

pub(crate) use self::{
    answer::{MAX_ANSWER_BYTES, TOO_SLOW},
    prompt::{Branch, MAX_PROMPT_MESSAGES},
};
use crate::knowledge::Retrieved;

mod answer;
mod citations;
mod prepare;
mod prompt;
mod pump;
pub(crate) mod reconcile;
mod roles;
mod settle;

/// An opened turn, ready to be pumped.
pub(crate) struct Turn {
    pub(crate) scope: Scope,
    pub(crate) actor: Arc<Actor>,
    pub(crate) tenant_id: TenantId,
    pub(crate) conversation_id: ConversationId,
    /// The branch that the question ends.
    pub(crate) branch: Arc<Branch>,
    /// The answer as it was opened.
    pub(crate) answer: Message,
    pub(crate) stream: Stream,
    pub(crate) name: ModelName,
    pub(crate) model: Arc<dyn ChatModel>,
    pub(crate) system_prompt: Option<String>,
    pub(crate) retrieval: RetrievalChoice,
    pub(crate) options: ChatOptions,
    pub(crate) started: StreamEvent,
    /// What is sent, where nothing has to be looked for first; the call is on record then.
    pub(crate) ready: Option<Prepared>,
}

/// What a pump sends, what it found for it, and the call as it is on record.
pub(crate) struct Prepared {
    request: ChatRequest,
    retrieved: Option<Retrieved>,
    call: ProviderCall,
}

impl Turn {
    /// The right to write to the stream.
    const fn lease(&self) -> StreamLease {
        StreamLease { id: self.stream.id, epoch: self.stream.epoch }
    }
}

/// The call to the provider that a stream makes, as the ledger knows it.
fn call_of(stream: &Stream, name: &ModelName, estimated_input_tokens: u64, requested_at: Timestamp) -> ProviderCall {
    ProviderCall {
        request_id: stream.request_id,
        tenant_id: stream.tenant_id,
        user_id: Some(stream.user_id),
        api_key_id: stream.api_key_id,
        conversation_id: Some(stream.conversation_id),
        message_id: Some(stream.message_id),
        agent_type: AgentType::Chat,
        provider: name.provider.clone(),
        model: name.model.clone(),
        estimated_input_tokens,
        requested_at,
        lease_expires_at: stream.lease_expires_at,
    }
}
