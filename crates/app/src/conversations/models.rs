//! The models that a turn asks.

use std::sync::Arc;

use domain::{
    access::Scope,
    gateways::{ChatModel, ModelName},
    ids::ConversationId,
};

use super::{Conversations, tree::conversation};
use crate::{Error, ErrorKind, Result};

/// Most answers that one message asks for.
const MAX_MODELS: usize = 8;

/// A model that was asked for, resolved.
#[derive(Clone)]
pub(super) struct ResolvedModel {
    pub(super) name: ModelName,
    pub(super) model: Arc<dyn ChatModel>,
}

impl Conversations {
    /// Resolves the models of a turn. Outside of any unit of work, as a bare name may ask providers.
    pub(super) async fn resolve_models(
        &self,
        scope: &Scope,
        id: ConversationId,
        asked: &[String],
    ) -> Result<Vec<ResolvedModel>> {
        if asked.len() > MAX_MODELS {
            return Err(Error::new(ErrorKind::Invalid, "too_many_models", format!("ask at most {MAX_MODELS} models")));
        }
        let mut names = asked.to_vec();
        if names.is_empty() {
            let found = self.app.query_in(scope, async |tx| conversation(tx, id).await).await?;
            let default = self.app.parts.settings.default_chat_model.clone();
            names.push(found.model.or(default).unwrap_or_else(|| "banyan/extractive".to_owned()));
        }
        let mut models = Vec::with_capacity(names.len());
        for name in &names {
            let (name, model) = self.app.parts.models.resolve(name).await?;
            models.push(ResolvedModel { name, model });
        }
        Ok(models)
    }
}
