//! Models in OpenAI's dialect.

use actix_web::{HttpResponse, web};
use domain::gateways::ModelDescription;
use serde::Serialize;
use utoipa::ToSchema;

use super::errors::ErrorResponse;
use crate::{authorize::ActorRequest, error::HandlerResult, route::LISTED};

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    /// `<provider>/<model>`.
    id: String,
    /// `model`.
    object: &'static str,
    /// In Unix seconds; 0 when the provider does not say.
    created: i64,
    /// The provider.
    owned_by: String,
}

impl From<ModelDescription> for Model {
    fn from(model: ModelDescription) -> Self {
        Self { id: model.name.to_string(), object: "model", created: model.created, owned_by: model.name.provider }
    }
}

/// The models on offer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ModelList {
    /// `list`.
    object: &'static str,
    data: Vec<Model>,
}

/// The models on offer.
#[utoipa::path(trace, path = LISTED, responses((status = 200, description = "the models", body = ModelList),
    (status = 401, description = "sign in first", body = ErrorResponse)))]
pub(crate) async fn models(request: ActorRequest) -> HandlerResult {
    let data = request.app.openai().models(&request.actor).await?.into_iter().map(Model::from).collect();
    Ok(HttpResponse::Ok().json(ModelList { object: "list", data }))
}

/// One model. Its name may hold slashes, as they are or percent-encoded.
#[utoipa::path(trace, path = LISTED, responses((status = 200, description = "the model", body = Model),
    (status = 401, description = "sign in first", body = ErrorResponse)))]
pub(crate) async fn model(request: ActorRequest, path: web::Path<String>) -> HandlerResult {
    let name = path.trim_end_matches('/');
    if name.is_empty() {
        return models(request).await;
    }
    let model = request.app.openai().model(&request.actor, name).await?;
    Ok(HttpResponse::Ok().json(Model::from(model)))
}
