//! Embedders: texts in, L2-normalised vectors out.

use async_trait::async_trait;

use crate::gateways::GatewayError;

/// The model behind an embedder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmbeddingModel {
    /// The provider, as it is configured (`openai`, `local`).
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// Most tokens of one text; what is longer must be split before, never cut silently.
    pub max_tokens: u32,
}

impl EmbeddingModel {
    /// Full name: `<provider>/<model>`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// What a text is embedded for; some models want different prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingPurpose {
    /// A passage to be found.
    Document,
    /// A question that looks for passages.
    Query,
}

/// Vectors in the order of the texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One L2-normalised vector per text, all of the same length, from every call.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read, over all texts.
    pub input_tokens: u64,
    /// The count is our own estimate, as the provider gave none.
    pub is_estimated: bool,
}

/// Turns texts into vectors.
#[async_trait]
pub trait Embedder: Send + Sync + 'static {
    /// The model. No call: what its vectors' length is, they tell.
    fn model(&self) -> &EmbeddingModel;

    /// Embeds a batch of texts (callers keep batches at or below [`Embedder::max_batch`]).
    ///
    /// # Errors
    /// [`GatewayError`]; a wrong number or length of vectors is a protocol error.
    async fn embed(&self, texts: &[String], purpose: EmbeddingPurpose) -> Result<Embeddings, GatewayError>;

    /// Tokens of a text as the model counts them (or a close upper estimate). Cheap: no call.
    fn count_tokens(&self, text: &str) -> u32;

    /// Most texts of one batch.
    fn max_batch(&self) -> usize;
}
