//! An embedder with a gate: the test lets its calls through, or holds them.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    gateways::{Embedder, EmbeddingInput, EmbeddingModel, EmbeddingPurpose, Embeddings, GatewayError},
    knowledge::words::telling_terms,
};
use tokio::sync::watch;

const DIMENSION: usize = 64;
const BATCH: usize = 4;

/// `openai/vectors`, in the process: texts that share words are near each other.
pub(crate) struct GatedEmbedder {
    model: EmbeddingModel,
    gate: Gate,
}

/// What the test holds of it.
#[derive(Clone)]
pub(crate) struct Gate {
    /// Calls that may pass in all.
    allowed: watch::Sender<usize>,
    begun: watch::Sender<usize>,
}

impl Gate {
    /// Calls that began so far.
    pub(crate) fn begun(&self) -> usize {
        *self.begun.borrow()
    }

    /// Holds every further call.
    pub(crate) fn close(&self) {
        self.allow(0);
    }

    /// Lets so many further calls through, and holds the others.
    pub(crate) fn allow(&self, calls: usize) {
        self.allowed.send_replace(self.begun() + calls);
    }

    /// Lets all calls through.
    pub(crate) fn open(&self) {
        self.allowed.send_replace(usize::MAX);
    }

    /// Waits until a call is held.
    pub(crate) async fn held(&self) {
        let allowed = self.allowed.subscribe();
        self.begun.subscribe().wait_for(|begun| *begun > *allowed.borrow()).await.unwrap();
    }
}

impl GatedEmbedder {
    /// One whose gate is open.
    pub(crate) fn new() -> (Arc<Self>, Gate) {
        let gate = Gate { allowed: watch::Sender::new(usize::MAX), begun: watch::Sender::new(0) };
        let model = EmbeddingModel { provider: "openai".to_owned(), model: "vectors".to_owned(), max_tokens: 512 };
        (Arc::new(Self { model, gate: gate.clone() }), gate)
    }
}

#[async_trait]
impl Embedder for GatedEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, input: &EmbeddingInput, _purpose: EmbeddingPurpose) -> Result<Embeddings, GatewayError> {
        let mut allowed = self.gate.allowed.subscribe();
        let mut number = 0;
        self.gate.begun.send_modify(|begun| {
            *begun += 1;
            number = *begun;
        });
        allowed.wait_for(|allowed| number <= *allowed).await.unwrap();
        let texts = match input {
            EmbeddingInput::Texts(texts) => texts.clone(),
            // Each number is a word.
            EmbeddingInput::Tokens(lists) => lists.iter().map(|ids| format!("{ids:?}")).collect(),
        };
        let vectors = texts.iter().map(|text| vector(text)).collect();
        let input_tokens = texts.iter().map(|text| text.split_whitespace().count() as u64).sum();
        Ok(Embeddings { vectors, input_tokens, is_estimated: false })
    }

    fn count_tokens(&self, text: &str) -> u32 {
        text.split_whitespace().count() as u32
    }

    fn max_batch(&self) -> usize {
        BATCH
    }
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.01; DIMENSION];
    for word in telling_terms(text) {
        let hash = word.bytes().fold(5381_usize, |hash, byte| hash.wrapping_mul(33) ^ usize::from(byte));
        vector[hash % DIMENSION] += 1.0;
    }
    storage_testkit::normalised(&vector)
}
