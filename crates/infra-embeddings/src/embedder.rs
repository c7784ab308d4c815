//! The port's implementation: batches on threads of their own.

use std::{
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::available_parallelism,
};

use async_trait::async_trait;
use domain::gateways::{
    Embedder, EmbeddingInput, EmbeddingModel, EmbeddingPurpose, Embeddings, GatewayError, GatewayErrorKind,
};
use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};
use tokio::sync::{Semaphore, oneshot};

use crate::{
    encoder::Encoder,
    error::LoadError,
    folder::ModelFolder,
    tokens::{TokenizerError, Tokens},
    weights::Weights,
};

/// The provider's name of every local model.
const PROVIDER: &str = "local";

/// Most inputs of one batch.
const MAX_BATCH: usize = 32;

/// What to do with token ids that are not the model's: every model has a vocabulary of its own.
const OWN_TOKENS: &str = "send the text, or ids of this model's own tokenizer";

/// Batches of one purpose that are computed at once; the others wait for their turn. Two, so that no thread idles
/// while the last text of a batch is computed.
const BATCHES_AT_ONCE: usize = 2;

/// A sentence encoder out of a model folder.
pub struct LocalEmbedder {
    model: Arc<Model>,
    documents: WriteQueue,
    /// Questions have threads of their own, so that none waits behind the documents of an ingestion.
    queries: WriteQueue,
}

struct Model {
    description: EmbeddingModel,
    query_prompt: String,
    document_prompt: String,
    tokens: Tokens,
    encoder: Encoder,
}

/// Threads, and how many batches may be on them.
struct WriteQueue {
    pool: ThreadPool,
    turns: Arc<Semaphore>,
}

impl LocalEmbedder {
    /// Loads a sentence-transformers folder, to compute on `threads` threads (by default as many as
    /// the machine runs at once). Reads the whole weights: call it at start-up, or off the async threads.
    ///
    /// # Errors
    /// [`LoadError`]: files that are missing or damaged, or a model that is not of the BERT family.
    pub fn load(folder: &Path, threads: Option<NonZeroUsize>) -> Result<Self, LoadError> {
        let read = ModelFolder::read(folder)?;
        let tokens = Tokens::load(&read)?;
        let bytes = std::fs::read(&read.weights)
            .map_err(|source| LoadError::Unreadable { file: read.weights.clone(), source })?;
        let weights = Weights::parse(&read.weights, &bytes)?;
        let description = EmbeddingModel {
            provider: PROVIDER.to_owned(),
            model: read.name,
            max_tokens: u32::try_from(read.max_tokens).unwrap_or(u32::MAX),
        };
        let encoder = Encoder::load(read.config, read.pooling, &weights)?;
        let (query_prompt, document_prompt) = (read.query_prompt, read.document_prompt);
        let threads = threads.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        tracing::info!(model = %description.full_name(), max_tokens = description.max_tokens, threads, "local model loaded");
        Ok(Self {
            model: Arc::new(Model { description, query_prompt, document_prompt, tokens, encoder }),
            documents: WriteQueue::new("embed-documents", threads)?,
            queries: WriteQueue::new("embed-queries", threads)?,
        })
    }
}

#[async_trait]
impl Embedder for LocalEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model.description
    }

    /// Computes the vectors. Dropping the future stops the batch after the inputs that are in work. Token ids get the
    /// model's special tokens around them, unless they begin with them, and no prompt.
    ///
    /// # Errors
    /// `InvalidRequest` for an input that is longer than the model's window, which is never cut, for an id that the
    /// model's tokenizer does not know, and for a batch that is too large.
    async fn embed(&self, input: &EmbeddingInput, purpose: EmbeddingPurpose) -> Result<Embeddings, GatewayError> {
        if input.count() > MAX_BATCH {
            let message = format!("a batch of {} inputs is too large; send at most {MAX_BATCH}", input.count());
            return Err(GatewayError::new(GatewayErrorKind::InvalidRequest, message));
        }
        let queue = match purpose {
            EmbeddingPurpose::Document => &self.documents,
            EmbeddingPurpose::Query => &self.queries,
        };
        let (model, input) = (Arc::clone(&self.model), input.clone());
        queue.run(move |cancelled| model.embed(&input, purpose, cancelled)).await
    }

    /// Exact: with the special tokens, and with the prompt that documents of this model carry.
    fn count_tokens(&self, text: &str) -> u32 {
        match self.model.encode(text, EmbeddingPurpose::Document) {
            Ok(ids) => u32::try_from(ids.len()).unwrap_or(u32::MAX),
            Err(error) => {
                tracing::warn!(error, "the tokenizer failed; its bytes are counted instead of its tokens");
                u32::try_from(text.len()).unwrap_or(u32::MAX)
            }
        }
    }

    fn familiarity(&self, text: &str) -> f64 {
        self.model.tokens.familiarity(text)
    }

    fn max_batch(&self) -> usize {
        MAX_BATCH
    }
}

impl Model {
    fn encode(&self, text: &str, purpose: EmbeddingPurpose) -> Result<Vec<u32>, TokenizerError> {
        let prompt = match purpose {
            EmbeddingPurpose::Document => &self.document_prompt,
            EmbeddingPurpose::Query => &self.query_prompt,
        };
        self.tokens.encode(prompt, text)
    }

    /// All vectors, or the first error; called on a thread of a pool.
    fn embed(
        &self,
        input: &EmbeddingInput,
        purpose: EmbeddingPurpose,
        cancelled: &AtomicBool,
    ) -> Result<Embeddings, GatewayError> {
        let ids: Vec<Vec<u32>> = match input {
            EmbeddingInput::Texts(texts) => {
                texts.par_iter().map(|text| self.read(text, purpose)).collect::<Result<_, _>>()?
            }
            EmbeddingInput::Tokens(lists) => lists.iter().map(|ids| self.frame(ids)).collect::<Result<_, _>>()?,
        };
        let input_tokens = ids.iter().map(|ids| ids.len() as u64).sum();
        let encode = |ids: &Vec<u32>| {
            if cancelled.load(Ordering::Relaxed) {
                return Err(GatewayError::new(GatewayErrorKind::Interrupted, "the batch was given up"));
            }
            let vector = self.encoder.encode(ids);
            if vector.iter().all(|value| value.is_finite()) {
                Ok(vector)
            } else {
                let message = "the local model gave no number; replace its folder, it may be damaged";
                Err(GatewayError::new(GatewayErrorKind::Protocol, message))
            }
        };
        let vectors = ids.par_iter().with_max_len(1).map(encode).collect::<Result<_, _>>()?;
        Ok(Embeddings { vectors, input_tokens, is_estimated: false })
    }

    fn read(&self, text: &str, purpose: EmbeddingPurpose) -> Result<Vec<u32>, GatewayError> {
        let (what, advice) = match purpose {
            EmbeddingPurpose::Document => ("text", "split it"),
            EmbeddingPurpose::Query => ("question", "shorten it"),
        };
        self.within_window(self.encode(text, purpose).map_err(unreadable)?, what, advice)
    }

    /// Token ids as the network reads them.
    fn frame(&self, ids: &[u32]) -> Result<Vec<u32>, GatewayError> {
        if let Some(id) = self.tokens.first_unknown(ids) {
            let message = format!("the embedding model has no token of the id {id}; {OWN_TOKENS}");
            return Err(GatewayError::new(GatewayErrorKind::InvalidRequest, message));
        }
        let advice = format!("split it, and {OWN_TOKENS}");
        self.within_window(self.tokens.frame(ids).map_err(unreadable)?, "list", &advice)
    }

    fn within_window(&self, ids: Vec<u32>, what: &str, advice: &str) -> Result<Vec<u32>, GatewayError> {
        let most = self.description.max_tokens;
        if ids.len() <= most as usize {
            return Ok(ids);
        }
        let message = format!(
            "a {what} of {} tokens is too long for the embedding model, which reads {most}; {advice}",
            ids.len()
        );
        Err(GatewayError::new(GatewayErrorKind::InvalidRequest, message))
    }
}

fn unreadable(error: TokenizerError) -> GatewayError {
    GatewayError::new(GatewayErrorKind::Failed, "the local model cannot read the input").because(error)
}

impl WriteQueue {
    fn new(name: &'static str, threads: NonZeroUsize) -> Result<Self, LoadError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .thread_name(move |number| format!("{name}-{number}"))
            // The one who waits is told by its closed channel.
            .panic_handler(|_| tracing::error!("the local encoder panicked"))
            .build()
            .map_err(LoadError::Threads)?;
        Ok(Self { pool, turns: Arc::new(Semaphore::new(BATCHES_AT_ONCE)) })
    }

    /// Runs work on the pool when its turn comes, and tells it when nobody waits for it any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&AtomicBool) -> Result<T, GatewayError> + Send + 'static,
    ) -> Result<T, GatewayError> {
        let stopped = || GatewayError::new(GatewayErrorKind::Failed, "the local encoder stopped; look into the log");
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| stopped().because(error))?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let _guard = CancelOnDrop(Arc::clone(&cancelled));
        let (sender, receiver) = oneshot::channel();
        self.pool.spawn(move || {
            let result = work(&cancelled);
            drop(turn);
            // Nobody listens when the caller is gone, which is no failure.
            drop(sender.send(result));
        });
        receiver.await.map_err(|error| stopped().because(error))?
    }
}

/// Tells a batch that its caller is gone.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
