//! Embeddings in OpenAI's dialect.

use actix_web::HttpResponse;
use app::openai::{self, EmbeddingResult};
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{error::ValueError, gateways::EmbeddingInput};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::errors::ErrorResponse;
use crate::{
    authorize::ActorRequest, body::Json, error::HandlerResult, openapi::values::EmbeddingInputs, route::LISTED,
};

/// Texts to be embedded, or their tokens.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "model": "openai/text-embedding-3-small", "input": "a text" }))]
pub(crate) struct EmbeddingRequest {
    model: String,
    #[schema(value_type = EmbeddingInputs)]
    input: EmbeddingInputBody,
    /// `float` (the default) or `base64`.
    #[serde(default)]
    #[schema(value_type = Option<VectorFormat>)]
    encoding_format: Option<String>,
    /// Length of the vectors, where the model can make them shorter than its own; refused where it cannot.
    #[serde(default)]
    #[schema(minimum = 1)]
    dimensions: Option<u32>,
}

/// The inputs.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a text, a list of texts, a list of token ids, or a list of such lists")]
pub(crate) enum EmbeddingInputBody {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

impl From<EmbeddingInputBody> for EmbeddingInput {
    fn from(input: EmbeddingInputBody) -> Self {
        match input {
            EmbeddingInputBody::Text(text) => Self::Texts(vec![text]),
            EmbeddingInputBody::Texts(texts) => Self::Texts(texts),
            EmbeddingInputBody::Tokens(ids) => Self::Tokens(vec![ids]),
            EmbeddingInputBody::TokenLists(lists) => Self::Tokens(lists),
        }
    }
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, Default, ToSchema)]
#[schema(rename_all = "lowercase")]
enum VectorFormat {
    /// As numbers.
    #[default]
    Float,
    /// As base64 of little-endian f32.
    Base64,
}

impl VectorFormat {
    fn parse(name: &str) -> Result<Self, ValueError> {
        match name {
            "float" => Ok(Self::Float),
            "base64" => Ok(Self::Base64),
            _ => Err(ValueError::new("encoding_format", "unknown_format", "must be 'float' or 'base64'")),
        }
    }

    fn write(self, vector: Vec<f32>) -> Vector {
        match self {
            Self::Float => Vector::Float(vector),
            Self::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                Vector::Base64(BASE64_STANDARD.encode(bytes))
            }
        }
    }
}

/// A vector: numbers, or their base64 as little-endian f32.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Vector {
    Float(Vec<f32>),
    Base64(String),
}

/// One embedding.
// By a name that is none of its fields: some generators of clients call a variable as the one and as the other.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EmbeddingItem)]
struct Embedding {
    /// `embedding`.
    object: &'static str,
    index: usize,
    embedding: Vector,
}

/// Embeddings in the order of the inputs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingList {
    /// `list`.
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: EmbeddingUsage,
}

impl EmbeddingList {
    fn new(embedded: EmbeddingResult, format: VectorFormat) -> Self {
        let tokens = embedded.input_tokens;
        let vectors = embedded.vectors.into_iter().map(|vector| format.write(vector));
        let item = |(index, embedding)| Embedding { object: "embedding", index, embedding };
        Self {
            object: "list",
            data: vectors.enumerate().map(item).collect(),
            model: embedded.model.full_name(),
            usage: EmbeddingUsage { prompt_tokens: tokens, total_tokens: tokens },
        }
    }
}

/// Tokens of embeddings.
#[derive(Debug, Serialize, ToSchema)]
struct EmbeddingUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// Vectors of texts, or of their tokens, as the model gives them: of a model over the wire the provider's own numbers, of
/// one in the process of length 1.
#[utoipa::path(trace, path = LISTED, responses((status = 200, description = "the vectors, in the order of the inputs", body = EmbeddingList),
    (status = 400, description = "a value breaks a rule, or the provider refuses it", body = ErrorResponse)))]
pub(crate) async fn embeddings(request: ActorRequest, body: Json<EmbeddingRequest>) -> HandlerResult {
    let EmbeddingRequest { model, input, encoding_format, dimensions } = body.value;
    let format = encoding_format.as_deref().map(VectorFormat::parse).transpose()?.unwrap_or_default();
    let asked = openai::EmbeddingRequest { model, input: input.into(), dimensions };
    let embedded = request.app.openai().embeddings(&request.actor, asked).await?;
    Ok(HttpResponse::Ok().json(EmbeddingList::new(embedded, format)))
}
