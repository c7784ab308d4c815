//! Embeddings over the wire.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::gateways::{
    Embedder, EmbeddingInput, EmbeddingModel, EmbeddingPurpose, Embeddings, GatewayError, GatewayErrorKind,
};
use serde_json::{Value, json};

use super::{
    OpenAiConnection, json,
    wire::{EmbeddingList, Vector, error_in},
};
use crate::egress::Response;

/// Most inputs of one call; the most that every common server takes (text-embeddings-inference: 32).
const MAX_BATCH: usize = 32;
/// Longest vector that is taken.
const MAX_DIMENSION: usize = 16_384;
/// Window of OpenAI's embedding models, in tokens.
const OPENAI_MAX_TOKENS: u32 = 8191;
/// Window of a model that is not known: that of the BERT family.
const DEFAULT_MAX_TOKENS: u32 = 512;
/// Tokens that models put around a text.
const FRAME_TOKENS: usize = 2;

/// An embedding model behind a connection.
pub struct OpenAiEmbedder {
    connection: Arc<OpenAiConnection>,
    model: EmbeddingModel,
    /// Length of the vectors, which the first answer shows.
    dimension: OnceLock<usize>,
}

/// In what form vectors are wanted.
#[derive(Debug, Clone, Copy)]
struct Form {
    /// How many numbers, where it is not the model's own count.
    dimensions: Option<u32>,
    is_normalised: bool,
}

impl OpenAiEmbedder {
    /// The embedding model of that name. Its window is `max_tokens`, or what is known of the model,
    /// or 512.
    pub fn new(connection: Arc<OpenAiConnection>, model: impl Into<String>, max_tokens: Option<u32>) -> Self {
        let model = model.into();
        let known = if model.starts_with("text-embedding-") { OPENAI_MAX_TOKENS } else { DEFAULT_MAX_TOKENS };
        let provider = connection.provider().to_owned();
        let model = EmbeddingModel { provider, model, max_tokens: max_tokens.unwrap_or(known) };
        Self { connection, model, dimension: OnceLock::new() }
    }

    async fn call(&self, input: &EmbeddingInput, form: Form) -> Result<Embeddings, GatewayError> {
        let Form { dimensions, is_normalised } = form;
        if input.count() == 0 {
            return Ok(Embeddings { vectors: Vec::new(), input_tokens: 0, is_estimated: false });
        }
        if input.count() > MAX_BATCH {
            let message = format!("takes at most {MAX_BATCH} inputs at once; split the batch");
            return Err(self.connection.fail(GatewayErrorKind::InvalidRequest, &message));
        }
        let sent = match input {
            EmbeddingInput::Texts(texts) => json!(texts),
            EmbeddingInput::Tokens(lists) => json!(lists),
        };
        let mut body = json!({ "model": self.model.model, "input": sent, "encoding_format": "base64" });
        if let Some(dimensions) = dimensions {
            body["dimensions"] = dimensions.into();
        }
        let response = self.ask(body).await?;
        let body = response.bytes().await.map_err(|error| self.connection.egress_error(error))?;
        let list: EmbeddingList = json::read(&body).map_err(|error| self.no_vectors(&body).because(error))?;
        let tokens = list.usage.as_ref().and_then(|usage| usage.input());
        let mut vectors = self.vectors(list, input.count())?;
        if is_normalised {
            vectors.iter_mut().try_for_each(|vector| self.normalise(vector))?;
        }
        if let Some(first) = vectors.first() {
            // A length that was asked for says nothing of the model's own.
            let known = if dimensions.is_some() { first.len() } else { *self.dimension.get_or_init(|| first.len()) };
            if vectors.iter().any(|vector| vector.len() != known) {
                return Err(self.lie("of different lengths"));
            }
        }
        let estimate = || match input {
            EmbeddingInput::Texts(texts) => texts.iter().map(|text| u64::from(self.count_tokens(text))).sum(),
            EmbeddingInput::Tokens(_) => input.estimated_tokens(),
        };
        Ok(Embeddings { vectors, input_tokens: tokens.unwrap_or_else(estimate), is_estimated: tokens.is_none() })
    }

    /// Asks for vectors, in whatever encoding where the model does not take the word for one.
    async fn ask(&self, mut body: Value) -> Result<Response, GatewayError> {
        let known = self.connection.quirks.of(&self.model.model);
        let mut quirks = known;
        loop {
            if quirks.no_encoding_format
                && let Some(fields) = body.as_object_mut()
            {
                fields.remove("encoding_format");
            }
            match self.connection.post("embeddings", &body, false).await {
                Ok(response) => {
                    if quirks != known {
                        self.connection.quirks.remember(&self.model.model, quirks);
                    }
                    return Ok(response);
                }
                Err(error) => quirks = quirks.after(&error, &body).ok_or(error)?,
            }
        }
    }

    /// What a body says that holds no vectors: an error, with a status of success, or anything.
    fn no_vectors(&self, body: &[u8]) -> GatewayError {
        let body = json::read::<Value>(body).unwrap_or_default();
        error_in(&body).map_or_else(|| self.lie("that are no embeddings"), |error| self.connection.stream_error(error))
    }

    /// The vectors in the order of the inputs.
    fn vectors(&self, list: EmbeddingList, count: usize) -> Result<Vec<Vec<f32>>, GatewayError> {
        if list.data.len() != count {
            return Err(self.lie("in another number than there are inputs"));
        }
        let mut vectors: Vec<Option<Vec<f32>>> = vec![None; count];
        for (position, embedding) in list.data.into_iter().enumerate() {
            let slot = vectors.get_mut(embedding.index.unwrap_or(position)).filter(|slot| slot.is_none());
            let slot = slot.ok_or_else(|| self.lie("numbered wrongly"))?;
            let numbers = match embedding.embedding {
                Vector::Floats(numbers) => numbers,
                Vector::Base64(text) => self.decode(&text)?,
            };
            if numbers.is_empty() || numbers.len() > MAX_DIMENSION {
                return Err(self.lie("that are empty or too long"));
            }
            if numbers.iter().any(|number| !number.is_finite()) {
                return Err(self.lie("that are not finite"));
            }
            *slot = Some(numbers);
        }
        Ok(vectors.into_iter().flatten().collect())
    }

    fn decode(&self, text: &str) -> Result<Vec<f32>, GatewayError> {
        let bytes = STANDARD.decode(text).map_err(|error| self.lie("that are no base64").because(error))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(self.lie("that are no 32-bit numbers"));
        }
        Ok(numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    fn normalise(&self, vector: &mut [f32]) -> Result<(), GatewayError> {
        let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
        if length == 0.0 {
            return Err(self.lie("that are zero"));
        }
        for number in vector {
            *number = (f64::from(*number) / length) as f32;
        }
        Ok(())
    }

    fn lie(&self, what: &str) -> GatewayError {
        self.connection.fail(
            GatewayErrorKind::Protocol,
            &format!("sent vectors {what}; check that '{}' is an embedding model", self.model.model),
        )
    }
}

#[async_trait]
impl Embedder for OpenAiEmbedder {
    fn model(&self) -> &EmbeddingModel {
        &self.model
    }

    async fn embed(&self, input: &EmbeddingInput, _purpose: EmbeddingPurpose) -> Result<Embeddings, GatewayError> {
        self.call(input, Form { dimensions: None, is_normalised: true }).await
    }

    async fn embed_as_given(
        &self,
        input: &EmbeddingInput,
        dimensions: Option<u32>,
    ) -> Result<Embeddings, GatewayError> {
        self.call(input, Form { dimensions, is_normalised: false }).await
    }

    fn count_tokens(&self, text: &str) -> u32 {
        u32::try_from(upper_estimate(text)).unwrap_or(u32::MAX)
    }

    fn max_batch(&self) -> usize {
        MAX_BATCH
    }
}

/// A close upper estimate for the vocabularies in use (byte-pair and WordPiece): a run of ASCII
/// letters is a token for every four letters, two letters where the run is too long for a word; two
/// digits, one mark or one line break are a token; other characters are one for every byte but the
/// first.
fn upper_estimate(text: &str) -> usize {
    const LONG_WORD: usize = 16;
    let mut tokens = FRAME_TOKENS;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let run = |is_part: fn(&u8) -> bool| rest.bytes().take_while(is_part).count();
        let (length, cost) = if character.is_ascii_alphabetic() {
            let length = run(u8::is_ascii_alphabetic);
            (length, length.div_ceil(if length > LONG_WORD { 2 } else { 4 }))
        } else if character.is_ascii_digit() {
            let length = run(u8::is_ascii_digit);
            (length, length.div_ceil(2))
        } else if character == ' ' || character == '\t' {
            let length = run(|byte| matches!(byte, b' ' | b'\t'));
            (length, length.saturating_sub(1).div_ceil(4))
        } else {
            (character.len_utf8(), (character.len_utf8() - 1).max(1))
        };
        tokens += cost;
        rest = &rest[length..];
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_above_known_counts_and_close() {
        // Counts of cl100k_base and of BERT's WordPiece (with its two frame tokens), the greater one.
        for (text, count) in [
            ("The quick brown fox jumps over the lazy dog.", 12),
            ("How do I convert a string to a number?", 12),
            ("tokenization", 4),
        ] {
            let estimate = upper_estimate(text);
            assert!((count..=2 * count).contains(&estimate), "{text}: {estimate}");
        }
        assert_eq!(upper_estimate(""), FRAME_TOKENS);
        assert!(upper_estimate("今日は晴れ") >= 7);
    }
}
