//! The OpenAI face: models, chat completions and embeddings, with the same rights and ledger.

use domain::{
    access::{Actor, Permission},
    gateways::ModelDescription,
};

use crate::{App, Result};

mod completion;
mod conversation;
mod embeddings;
mod log;

pub use completion::{ChatCompletion, Completion, CompletionEvent};
pub use embeddings::EmbeddingResult;

/// The use cases of the OpenAI face.
#[derive(Clone)]
pub struct OpenAi {
    pub(crate) app: App,
}

impl OpenAi {
    /// The models on offer: chat models, then the embedding model.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn models(&self, actor: &Actor) -> Result<Vec<ModelDescription>> {
        self.app.allow(actor, Permission::ModelsUse)?;
        Ok(self.app.parts.models.list().await)
    }
}
