//! Models and embeddings in OpenAI's dialect.

use actix_web::{HttpResponse, web};
use app::App;

use super::dto::{EmbeddingList, EmbeddingRequest, ModelDto, ModelList, VectorFormat};
use crate::{authorize::Authenticated, body::Json, error::HandlerResult, route::LISTED};

/// The models on offer.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = ModelList)))]
pub(crate) async fn models(app: web::Data<App>, actor: Authenticated) -> HandlerResult {
    let data = app.openai().models(&actor.0).await?.into_iter().map(ModelDto::from).collect();
    Ok(HttpResponse::Ok().json(ModelList { object: "list", data }))
}

/// One model.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = ModelDto)))]
pub(crate) async fn model(app: web::Data<App>, actor: Authenticated, path: web::Path<String>) -> HandlerResult {
    let model = app.openai().model(&actor.0, &path).await?;
    Ok(HttpResponse::Ok().json(ModelDto::from(model)))
}

/// Vectors of texts, or of their tokens.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = EmbeddingList)))]
pub(crate) async fn embeddings(
    app: web::Data<App>,
    actor: Authenticated,
    body: Json<EmbeddingRequest>,
) -> HandlerResult {
    let EmbeddingRequest { model, input, encoding_format } = body.value;
    let format = encoding_format.as_deref().map(VectorFormat::parse).transpose()?.unwrap_or_default();
    let embedded = app.openai().embeddings(&actor.0, &model, input.into()).await?;
    Ok(HttpResponse::Ok().json(EmbeddingList::new(embedded, format)))
}
