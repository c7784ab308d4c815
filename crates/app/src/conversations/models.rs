//! The models that a turn asks.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use domain::{
    conversations::Conversation,
    gateways::{ChatModel, ModelName},
};
use futures::FutureExt as _;

use super::Conversations;
use crate::{Error, ErrorKind, Result};

/// Most answers that one message asks for.
pub const MAX_MODELS: usize = 8;

/// A model that was asked for, resolved.
#[derive(Clone)]
pub(super) struct ResolvedModel {
    pub(super) name: ModelName,
    pub(super) model: Arc<dyn ChatModel>,
}

/// The models of a turn: those that were asked for, or the one that its conversation names.
pub(super) struct Models {
    asked: Vec<ResolvedModel>,
    /// The conversation's, where it has to be looked for.
    unknown: Mutex<Option<String>>,
}

impl Conversations {
    /// Opens a turn with the models that were asked for, or else the conversation's.
    // A bare name may be looked for at providers, which no unit of work may wait for; and which model a
    // conversation names is known when its row is, in the unit of work that opens the turn. Nearly always
    // the name is resolved there at once. Where it is not, the attempt fails without a change, and the next
    // one has it.
    pub(super) async fn with_models<T, F: Future<Output = Result<T>>>(
        &self,
        asked: &[String],
        attempt: impl Fn(Arc<Models>) -> F,
    ) -> Result<T> {
        if asked.len() > MAX_MODELS {
            return Err(Error::new(ErrorKind::Invalid, "too_many_models", format!("ask at most {MAX_MODELS} models")));
        }
        let mut models = self.resolved(asked).await?;
        loop {
            let outcome = attempt(Arc::clone(&models)).await;
            let unknown = models.unknown.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(name) = unknown else { return outcome };
            models = self.resolved(&[name]).await?;
        }
    }

    async fn resolved(&self, names: &[String]) -> Result<Arc<Models>> {
        let mut asked = Vec::with_capacity(names.len());
        for name in names {
            let (name, model) = self.app.parts.models.resolve(name).await?;
            asked.push(ResolvedModel { name, model });
        }
        Ok(Arc::new(Models { asked, unknown: Mutex::default() }))
    }

    /// The models of a turn in this conversation.
    pub(super) fn models_of(&self, models: &Models, conversation: &Conversation) -> Result<Vec<ResolvedModel>> {
        if !models.asked.is_empty() {
            return Ok(models.asked.clone());
        }
        let default = || self.app.parts.settings.default_chat_model.clone();
        let name = conversation.model.clone().or_else(default).unwrap_or_else(|| "banyan/extractive".to_owned());
        match self.app.parts.models.resolve(&name).now_or_never() {
            Some(resolved) => {
                let (name, model) = resolved?;
                Ok(vec![ResolvedModel { name, model }])
            }
            None => {
                *models.unknown.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
                Err(Error::internal("the conversation's model has to be looked for"))
            }
        }
    }
}
