//! Models and embeddings in OpenAI's dialect.

use actix_web::{HttpResponse, web};

use super::dto::{EmbeddingList, EmbeddingRequest, ModelDto, ModelList, VectorFormat};
use crate::{authorize::ActorRequest, body::Json, error::HandlerResult, route::LISTED};

/// The models on offer.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = ModelList)))]
pub(crate) async fn models(request: ActorRequest) -> HandlerResult {
    let data = request.app.openai().models(&request.actor).await?.into_iter().map(ModelDto::from).collect();
    Ok(HttpResponse::Ok().json(ModelList { object: "list", data }))
}

/// One model.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = ModelDto)))]
pub(crate) async fn model(request: ActorRequest, path: web::Path<String>) -> HandlerResult {
    let model = request.app.openai().model(&request.actor, &path).await?;
    Ok(HttpResponse::Ok().json(ModelDto::from(model)))
}

/// Vectors of texts, or of their tokens.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = EmbeddingList)))]
pub(crate) async fn embeddings(request: ActorRequest, body: Json<EmbeddingRequest>) -> HandlerResult {
    let EmbeddingRequest { model, input, encoding_format } = body.value;
    let format = encoding_format.as_deref().map(VectorFormat::parse).transpose()?.unwrap_or_default();
    let embedded = request.app.openai().embeddings(&request.actor, &model, input.into()).await?;
    Ok(HttpResponse::Ok().json(EmbeddingList::new(embedded, format)))
}
