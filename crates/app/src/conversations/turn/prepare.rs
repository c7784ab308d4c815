//! Preparing the call of a turn: its prompt, and the passages that go into it.

use domain::{
    conversations::{AnswerLinks, RetrievalChoice},
    gateways::ChatRequest,
    knowledge::{RetrievalMode, retrieval::DEFAULT_PASSAGES},
    usage::estimate,
};

use super::{Prepared, Turn, call_of, prompt::Boundary};
use crate::{
    App, Result,
    knowledge::{Retrieval, Retrieved},
};

impl Turn {
    /// Prepares the call where the prompt needs no passages, and notes it in the stream: the
    /// transaction that opens the turn then puts it on record.
    pub(crate) fn prepare(&mut self, app: &App) {
        if self.branch.query().is_none() {
            let prepared = self.prepared(app, None);
            self.stream.estimated_input_tokens = Some(prepared.call.estimated_input_tokens);
            self.ready = Some(prepared);
        }
    }

    /// Looks for passages and assembles the prompt. No unit of work is open while a provider embeds
    /// the question.
    pub(super) async fn search(&self, app: &App) -> Result<Prepared> {
        let retrieval = Retrieval {
            query: self.branch.query().unwrap_or_default(),
            collections: match &self.retrieval {
                RetrievalChoice::All => None,
                RetrievalChoice::Collections(ids) => Some(ids.clone()),
            },
            mode: RetrievalMode::Hybrid,
            limit: DEFAULT_PASSAGES,
            conversation_id: Some(self.conversation_id),
            message_id: Some(self.answer.id),
        };
        let retrieved = app.retrieve(&self.actor, &self.scope, retrieval).await?;
        Ok(self.prepared(app, Some(retrieved)))
    }

    /// What becomes of the links of its answer: one is grounded where somebody else's words went into the prompt.
    pub(super) fn links(&self, retrieved: Option<&Retrieved>) -> AnswerLinks {
        let has_passages = retrieved.is_some_and(|retrieved| !retrieved.passages.is_empty());
        let own = self.branch.own_addresses(self.system_prompt.as_deref());
        AnswerLinks::new(own, has_passages || self.branch.has_tool_results())
    }

    fn prepared(&self, app: &App, retrieved: Option<Retrieved>) -> Prepared {
        let passages = retrieved.as_ref().map(|retrieved| retrieved.passages.clone()).unwrap_or_default();
        let messages = self.branch.prompt(self.system_prompt.as_deref(), &passages, &Boundary::random(&*app.parts.ids));
        let estimate = estimate::tokens_of_messages(messages.iter().map(|message| message.text.as_str()));
        let request = ChatRequest { model: self.name.model.clone(), messages, passages, options: self.options.clone() };
        Prepared { request, retrieved, call: call_of(&self.stream, &self.name, estimate, app.now()) }
    }
}
