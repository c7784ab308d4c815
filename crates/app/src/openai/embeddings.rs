//! Embeddings through the OpenAI face.

use domain::{
    access::{Actor, Permission},
    error::ValueError,
    gateways::{EmbeddingModel, EmbeddingPurpose},
};

use super::OpenAi;
use crate::{Error, ErrorKind, Result, knowledge::Payer};

/// Most texts of one call (OpenAI's own bound).
const MAX_TEXTS: usize = 2_048;

/// Vectors with what they cost.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingResult {
    /// The model.
    pub model: EmbeddingModel,
    /// One vector a text, in order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read.
    pub input_tokens: u64,
}

impl OpenAi {
    /// Embeds texts with the configured model.
    ///
    /// # Errors
    /// `no_embedding_model`; `invalid`; the provider's errors.
    pub async fn embeddings(&self, actor: &Actor, model: &str, texts: Vec<String>) -> Result<EmbeddingResult> {
        let scope = self.app.parts.policy.allow(actor, Permission::ModelsUse)?;
        let tenant_id = scope.tenant_id().ok_or_else(Error::unauthenticated)?;
        if texts.is_empty() || texts.len() > MAX_TEXTS || texts.iter().any(String::is_empty) {
            let message = format!("must be 1 to {MAX_TEXTS} texts, none of them empty");
            return Err(ValueError::new("input", "out_of_range", message).into());
        }
        let app = self.app.clone();
        let (actor, model) = (actor.clone(), model.to_owned());
        self.app
            .detached(async move {
                let embedder = app.parts.embedder.clone().ok_or_else(no_model)?;
                let known = named(&model, embedder.model())?;
                let mut vectors = Vec::with_capacity(texts.len());
                let mut input_tokens = 0;
                for batch in texts.chunks(embedder.max_batch().max(1)) {
                    let payer = Payer::of(&actor, tenant_id);
                    let (embedded, spent) = app.embed(&embedder, payer, batch, EmbeddingPurpose::Document).await?;
                    input_tokens += embedded.input_tokens;
                    vectors.extend(embedded.vectors);
                    let tx = app.write(&scope).await?;
                    app.settle_call(tx.as_ref(), &spent).await?;
                    tx.commit().await?;
                }
                Ok(EmbeddingResult { model: known, vectors, input_tokens })
            })
            .await
    }
}

/// The configured model, if it is the one that was named.
fn named(name: &str, model: &EmbeddingModel) -> Result<EmbeddingModel> {
    if name == model.full_name() || name == model.model {
        return Ok(model.clone());
    }
    let message = format!("there is no embedding model '{name}'; '{}' is configured", model.full_name());
    Err(ValueError::new("model", "model_not_found", message).into())
}

fn no_model() -> Error {
    let message = "no embedding model is configured; set BANYAN_EMBEDDINGS__MODEL or BANYAN_EMBEDDINGS__PATH";
    Error::new(ErrorKind::Invalid, "no_embedding_model", message)
}
