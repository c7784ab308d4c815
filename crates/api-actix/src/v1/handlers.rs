//! Models and embeddings in OpenAI's dialect.

use actix_web::{HttpResponse, http::StatusCode, web};
use app::App;
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{error::ValueError, gateways::ModelDescription};

use super::dto::{EmbeddingDto, EmbeddingList, EmbeddingRequest, EmbeddingUsage, ModelDto, ModelList, VectorDto};
use crate::{authorize::Signed, body::Json, error::ApiError};

type Answer = Result<HttpResponse, ApiError>;

/// The models on offer.
#[utoipa::path(get, path = "/v1/models", tag = "openai", security(("bearer" = [])),
    responses((status = 200, body = ModelList)))]
pub(crate) async fn models(app: web::Data<App>, actor: Signed) -> Answer {
    let data = app.openai().models(&actor.0).await?.into_iter().map(ModelDto::from).collect();
    Ok(HttpResponse::Ok().json(ModelList { object: "list", data }))
}

/// One model.
#[utoipa::path(get, path = "/v1/models/{model}", tag = "openai", security(("bearer" = [])),
    params(("model" = String, Path)), responses((status = 200, body = ModelDto)))]
pub(crate) async fn model(app: web::Data<App>, actor: Signed, path: web::Path<String>) -> Answer {
    let name = path.into_inner();
    let models = app.openai().models(&actor.0).await?;
    let found = models.into_iter().find(|model| model.name.to_string() == name || model.name.model == name);
    match found {
        Some(model) => Ok(HttpResponse::Ok().json(ModelDto::from(model))),
        None => {
            let message = "there is no such model; GET /v1/models lists what is on offer";
            Err(ApiError::http(StatusCode::NOT_FOUND, "model_not_found", message))
        }
    }
}

impl From<ModelDescription> for ModelDto {
    fn from(model: ModelDescription) -> Self {
        Self { id: model.name.to_string(), object: "model", created: model.created, owned_by: model.name.provider }
    }
}

/// Vectors of texts, or of their tokens.
#[utoipa::path(post, path = "/v1/embeddings", tag = "openai", security(("bearer" = [])),
    request_body = EmbeddingRequest, responses((status = 200, body = EmbeddingList)))]
pub(crate) async fn embeddings(app: web::Data<App>, actor: Signed, body: Json<EmbeddingRequest>) -> Answer {
    let request = body.value;
    let as_base64 = match request.encoding_format.as_deref().unwrap_or("float") {
        "float" => false,
        "base64" => true,
        _ => {
            return Err(ValueError::new("encoding_format", "unknown_format", "must be 'float' or 'base64'").into());
        }
    };
    let result = app.openai().embeddings(&actor.0, &request.model, request.input.into()).await?;
    let vector = |vector: Vec<f32>| {
        if as_base64 {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
            VectorDto::Base64(BASE64_STANDARD.encode(bytes))
        } else {
            VectorDto::Float(vector)
        }
    };
    let data = result
        .vectors
        .into_iter()
        .enumerate()
        .map(|(index, values)| EmbeddingDto { object: "embedding", index, embedding: vector(values) })
        .collect();
    let usage = EmbeddingUsage { prompt_tokens: result.input_tokens, total_tokens: result.input_tokens };
    Ok(HttpResponse::Ok().json(EmbeddingList { object: "list", data, model: result.model.full_name(), usage }))
}
