//! The OpenAI face: models, chat completions and embeddings, with the same rights and ledger.

use domain::{
    access::{Actor, Permission},
    gateways::ModelDescription,
};

use crate::{App, Error, ErrorKind, Result};

mod annotation;
mod completion;
mod conversation;
pub mod dialect;
mod embeddings;
mod failure;
mod log;
mod running;
mod unread;
mod whole;

pub use annotation::{Annotation, Cited};
pub use completion::{ChatCompletion, Completion, CompletionEvent};
pub use embeddings::{EmbeddingRequest, EmbeddingResult, MAX_INPUTS};
pub use failure::Failure;
pub(crate) use running::RunningCalls;
pub(crate) use unread::UnreadCalls;
pub use whole::WholeAnswer;

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

    /// A model on offer, by its full name or by the bare one.
    ///
    /// # Errors
    /// `forbidden`; `model_not_found`.
    pub async fn model(&self, actor: &Actor, name: &str) -> Result<ModelDescription> {
        let models = self.models(actor).await?;
        let found = models.into_iter().find(|model| model.name.to_string() == name || model.name.model == name);
        let message = "there is no such model; GET /v1/models lists what is on offer";
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "model_not_found", message))
    }
}
