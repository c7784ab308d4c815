//! Embedders: texts or their tokens in, L2-normalised vectors out.

use async_trait::async_trait;

use crate::{gateways::GatewayError, usage::estimate};

/// The model behind an embedder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmbeddingModel {
    /// The provider, as it is configured (`openai`, `local`).
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    /// Most tokens of one input; what is longer must be split before, never cut silently.
    pub max_tokens: u32,
}

impl EmbeddingModel {
    /// Full name: `<provider>/<model>`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// What is embedded together: all of it text, or all of it tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EmbeddingInput {
    /// Texts.
    Texts(Vec<String>),
    /// For each input its tokens, by their ids in the vocabulary of the model's own tokenizer.
    Tokens(Vec<Vec<u32>>),
}

impl EmbeddingInput {
    /// How many inputs, and so vectors, there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tokens(lists) => lists.len(),
        }
    }

    /// Whether one of the inputs is empty.
    #[must_use]
    pub fn has_empty(&self) -> bool {
        match self {
            Self::Texts(texts) => texts.iter().any(String::is_empty),
            Self::Tokens(lists) => lists.iter().any(Vec::is_empty),
        }
    }

    /// Our own estimate of all tokens; of ids it is their number.
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        match self {
            Self::Texts(texts) => texts.iter().map(|text| estimate::tokens_of(text)).sum(),
            Self::Tokens(lists) => lists.iter().map(|ids| ids.len() as u64).sum(),
        }
    }

    /// The same in order, at most `most` inputs (but one at least) together.
    #[must_use]
    pub fn batches(&self, most: usize) -> Vec<Self> {
        let most = most.max(1);
        match self {
            Self::Texts(texts) => texts.chunks(most).map(|batch| Self::Texts(batch.to_vec())).collect(),
            Self::Tokens(lists) => lists.chunks(most).map(|batch| Self::Tokens(batch.to_vec())).collect(),
        }
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

/// Vectors in the order of the inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// One L2-normalised vector per input, all of the same length, from every call that does not ask for others.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens read, over all inputs.
    pub input_tokens: u64,
    /// The count is our own estimate, as the provider gave none.
    pub is_estimated: bool,
}

/// Turns texts, or their tokens, into vectors.
#[async_trait]
pub trait Embedder: Send + Sync + 'static {
    /// The model. No call: what its vectors' length is, they tell.
    fn model(&self) -> &EmbeddingModel;

    /// Embeds a batch (callers keep batches at or below [`Embedder::max_batch`]). Token ids are taken as they are:
    /// no prompt of the model's is put before them, whatever the purpose.
    ///
    /// # Errors
    /// [`GatewayError`]; a wrong number or length of vectors is a protocol error.
    async fn embed(&self, input: &EmbeddingInput, purpose: EmbeddingPurpose) -> Result<Embeddings, GatewayError>;

    /// Embeds a batch of documents for who wants the model's own numbers: they are not normalised where the model does not
    /// do so. In vectors of this length, where one is wanted and the model can shorten its own; one that cannot gives its
    /// own length: callers look.
    ///
    /// # Errors
    /// As [`Embedder::embed`].
    async fn embed_as_given(
        &self,
        input: &EmbeddingInput,
        _dimensions: Option<u32>,
    ) -> Result<Embeddings, GatewayError> {
        self.embed(input, EmbeddingPurpose::Document).await
    }

    /// Tokens of a text as the model counts them (or a close upper estimate). Cheap: no call.
    fn count_tokens(&self, text: &str) -> u32;

    /// How well the model's tokenizer knows the words of a text: from 0, where it has but letters for them, to 1, which
    /// it also is where nothing tells. Cheap: no call.
    fn familiarity(&self, _text: &str) -> f64 {
        1.0
    }

    /// Most inputs of one batch.
    fn max_batch(&self) -> usize;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_the_kind_the_order_and_the_bound() {
        let texts = EmbeddingInput::Texts(["a", "b", "c"].map(str::to_owned).to_vec());
        let tokens = EmbeddingInput::Tokens(vec![vec![1, 2], vec![3], vec![4, 5, 6]]);
        assert_eq!(tokens.batches(2), [vec![vec![1, 2], vec![3]], vec![vec![4, 5, 6]]].map(EmbeddingInput::Tokens));
        for input in [texts, tokens] {
            assert_eq!(input.batches(3), std::slice::from_ref(&input));
            assert_eq!(input.batches(0).len(), input.count());
        }
    }

    #[test]
    fn ids_are_counted_and_not_estimated() {
        let tokens = EmbeddingInput::Tokens(vec![vec![1, 2], vec![70_000]]);
        assert_eq!((tokens.count(), tokens.estimated_tokens(), tokens.has_empty()), (2, 3, false));
        assert!(EmbeddingInput::Tokens(vec![vec![1], Vec::new()]).has_empty());
    }
}
