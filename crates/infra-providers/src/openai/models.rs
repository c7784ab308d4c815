//! The list of a provider's models, kept for a minute.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    clock::Timestamp,
    gateways::{GatewayError, GatewayErrorKind},
};
use hyper::Method;
use tokio::sync::Mutex;

use super::{OpenAiConnection, wire::ModelList};
use crate::egress::Limits;

/// How long a list is kept.
const KEEP_SECONDS: i64 = 60;
/// How long a failure to list is kept, so that a dead provider is not waited for each time.
const KEEP_FAILURE_SECONDS: i64 = 5;
/// Most bytes of a list.
const MAX_LIST_BYTES: u64 = 4 * 1024 * 1024;
/// Most models that are taken from a list.
const MAX_MODELS: usize = 2000;
/// Longest name of a model, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// A model of a list: its name, and when it was created (Unix seconds, 0 when unknown).
pub(crate) type ListedModel = (String, i64);

/// Lists the models of a provider; one call at a time, and none while a list is fresh.
pub struct ModelLister {
    connection: Arc<OpenAiConnection>,
    last: Mutex<Option<(Timestamp, Option<Vec<ListedModel>>)>>,
}

impl ModelLister {
    /// A lister without a list yet.
    #[must_use]
    pub fn new(connection: Arc<OpenAiConnection>) -> Self {
        Self { connection, last: Mutex::new(None) }
    }

    /// The models; `None` when the provider does not tell, which is logged.
    pub(crate) async fn list(&self) -> Option<Vec<ListedModel>> {
        let mut last = self.last.lock().await;
        let now = self.connection.clock.now();
        if let Some((at, models)) = last.as_ref() {
            let keep = if models.is_some() { KEEP_SECONDS } else { KEEP_FAILURE_SECONDS };
            // A clock that was set back makes a list stale, not eternal.
            if (TimeDelta::zero()..TimeDelta::seconds(keep)).contains(&(now - *at)) {
                return models.clone();
            }
        }
        let models = match self.fetch().await {
            Ok(models) => Some(models),
            Err(error) => {
                let source = error.source.as_deref().map(tracing::field::display);
                tracing::warn!(provider = self.connection.provider(), %error, source, "a provider does not list its models");
                None
            }
        };
        *last = Some((now, models.clone()));
        models
    }

    /// Asks for them now.
    pub(crate) async fn fetch(&self) -> Result<Vec<ListedModel>, GatewayError> {
        let longest = self.connection.timeouts.list;
        let limits = Limits { headers: longest, idle: longest, total: longest, max_bytes: MAX_LIST_BYTES };
        let request = self.connection.request(Method::GET, "models")?;
        let response = self.connection.send(request, limits).await.map_err(|error| match error.kind {
            // No model was asked for, so it is the path that is not there.
            GatewayErrorKind::UnknownModel => {
                let message = "has no list of models there; check its base URL, which usually ends in /v1";
                self.connection.fail(GatewayErrorKind::Protocol, message).because(error)
            }
            _ => error,
        })?;
        let body = response.bytes().await.map_err(|error| self.connection.egress_error(error))?;
        let list: ModelList = serde_json::from_slice(&body).map_err(|error| {
            self.connection.fail(GatewayErrorKind::Protocol, "sent a list of models that is none").because(error)
        })?;
        let named = list.data.into_iter().filter(|model| {
            !model.id.is_empty() && model.id.len() <= MAX_NAME_BYTES && !model.id.chars().any(char::is_control)
        });
        Ok(named.take(MAX_MODELS).map(|model| (model.id, model.created)).collect())
    }
}
