//! Providers that speak the OpenAI dialect: OpenAI itself, Ollama, vLLM, llama.cpp, gateways.

mod assembler;
mod beside;
mod calls;
mod chat;
mod complaint;
mod completion;
mod embedder;
mod errors;
mod json;
mod models;
mod quirks;
mod redact;
mod request;
mod so_far;
pub mod sse;
mod wire;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use domain::{
    clock::Clock,
    gateways::{GatewayError, GatewayErrorKind},
};
use hyper::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use url::Url;

pub use chat::OpenAiChat;
pub use embedder::OpenAiEmbedder;
pub(crate) use models::ModelLister;

use crate::{
    egress::{Egress, EgressError, Limits, Request, Response},
    settings::Provider,
};
use quirks::{KnownQuirks, LIMIT_NAMES};

/// Most retries of one call; only before its answer has begun.
const MAX_RETRIES: u32 = 2;
/// Longest wait that a peer may ask for; beyond it the error is given at once.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10);
/// Most bytes of an error's body that are read.
const MAX_ERROR_BYTES: u64 = 64 * 1024;
/// Most bytes of an answer.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// What makes a body unreadable here (registered content codings, and the older name of gzip).
const COMPRESSIONS: &[&str] = &["br", "compress", "dcb", "dcz", "deflate", "gzip", "x-compress", "x-gzip", "zstd"];
/// The host that wants `max_completion_tokens`, where others know only `max_tokens`.
const OPENAI_HOST: &str = "api.openai.com";

/// How long to wait for a provider that is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the call, retries included, to the head of its answer, and again longest silence before the first piece of
    /// it. Vectors come in one piece, so this is all the time that they have.
    pub first_token: Duration,
    /// Longest silence within an answer.
    pub idle: Duration,
    /// For an answer from the call to its end.
    pub whole: Duration,
    /// For the list of models.
    pub list: Duration,
    /// Before the first retry; doubled for the second, each with a jitter of a half.
    pub retry: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            whole: Duration::from_secs(60 * 60),
            list: Duration::from_secs(5),
            retry: Duration::from_millis(500),
        }
    }
}

/// One provider: where it is, the key to it, and how long to wait for it.
pub struct OpenAiConnection {
    provider: String,
    base_url: Url,
    key: Option<SecretString>,
    egress: Arc<Egress>,
    clock: Arc<dyn Clock>,
    timeouts: Timeouts,
    quirks: KnownQuirks,
}

impl OpenAiConnection {
    /// A connection to a provider of the settings, by a way out of its own.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub fn open(provider: &Provider, clock: Arc<dyn Clock>) -> Result<Self, EgressError> {
        let Provider { name, base_url, key, timeouts, .. } = provider;
        let egress = Arc::new(provider.egress()?);
        Ok(Self::new(name, base_url.clone(), key.clone(), egress, clock, *timeouts))
    }

    /// A provider under its configured name; `base_url` is what stands before `/chat/completions`.
    pub fn new(
        provider: impl Into<String>,
        base_url: Url,
        key: Option<SecretString>,
        egress: Arc<Egress>,
        clock: Arc<dyn Clock>,
        timeouts: Timeouts,
    ) -> Self {
        Self { provider: provider.into(), base_url, key, egress, clock, timeouts, quirks: KnownQuirks::default() }
    }

    /// Its configured name.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// The usual and the other name of the bound on an answer's tokens.
    fn limit_names(&self) -> [&'static str; 2] {
        let [common, of_openai] = LIMIT_NAMES;
        if self.base_url.host_str() == Some(OPENAI_HOST) { [of_openai, common] } else { [common, of_openai] }
    }

    fn fail(&self, kind: GatewayErrorKind, message: &str) -> GatewayError {
        GatewayError::new(kind, format!("the provider '{}' {message}", self.provider))
    }

    /// Posts JSON and returns a successful response; retried before that, as long as its head may take. Unless it is an
    /// answer, the body has no more time than that.
    async fn post(&self, path: &str, body: &Value, is_answer: bool) -> Result<Response, GatewayError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| self.fail(GatewayErrorKind::InvalidRequest, "cannot be asked this").because(error))?;
        let (body, begun, wait) = (Bytes::from(body), Instant::now(), self.timeouts.first_token);
        let mut retries = 0;
        loop {
            let headers = wait.saturating_sub(begun.elapsed());
            let total = if is_answer { self.timeouts.whole.saturating_sub(begun.elapsed()) } else { headers };
            let limits = Limits { headers, idle: wait, total, max_bytes: MAX_ANSWER_BYTES };
            let mut request = self.request(Method::POST, path)?;
            request.headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
            request.body = body.clone();
            let error = match self.send(request, limits).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let Some(pause) = self.pause_before_retry(&error, retries) else { return Err(error) };
            if begun.elapsed() + pause >= wait {
                return Err(error);
            }
            tracing::info!(provider = %self.provider, code = error.kind.code(), ?pause, "the call is tried again");
            retries += 1;
            sleep(pause).await;
        }
    }

    /// Sends one request; a status of failure becomes an error, and so does a body that cannot be read.
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, GatewayError> {
        let response = self.egress.send(request, limits).await.map_err(|error| self.egress_error(error))?;
        let encodings = response.headers().get_all(header::CONTENT_ENCODING).iter();
        let names = encodings.filter_map(|names| names.to_str().ok()).flat_map(|names| names.split(','));
        // Others are no encodings: `none` and `utf-8` are said to keep proxies from compressing.
        let is_plain = !names.map(str::trim).any(|name| COMPRESSIONS.iter().any(|one| name.eq_ignore_ascii_case(one)));
        match response.status().is_success() {
            true if is_plain => Ok(response),
            true => Err(self.fail(
                GatewayErrorKind::Protocol,
                "sent a compressed answer, though none was asked for; switch compression off in what stands before it",
            )),
            false => Err(self.status_error(response, is_plain).await),
        }
    }

    fn request(&self, method: Method, path: &str) -> Result<Request, GatewayError> {
        let mut url = self.base_url.clone();
        url.path_segments_mut()
            .map_err(|()| self.fail(GatewayErrorKind::Forbidden, "has a base URL that cannot be called; correct it"))?
            .pop_if_empty()
            .extend(path.split('/'));
        let mut request = Request::new(method, url);
        if let Some(key) = &self.key {
            let mut value =
                header::HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| {
                    self.fail(
                        GatewayErrorKind::Unauthorized,
                        "has a key with characters that no header can hold; correct it",
                    )
                })?;
            value.set_sensitive(true);
            request.headers.insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    /// How long to wait before another try; `None`: there is none.
    fn pause_before_retry(&self, error: &GatewayError, retries: u32) -> Option<Duration> {
        use GatewayErrorKind::{Failed, RateLimited, Unreachable};
        if retries >= MAX_RETRIES
            || !matches!(error.kind, RateLimited | Failed | Unreachable)
            || errors::is_final(error)
        {
            return None;
        }
        let jittered = (self.timeouts.retry * 2_u32.pow(retries)).mul_f64(rand::random_range(0.5..1.5));
        match error.retry_after {
            Some(asked) if asked > MAX_RETRY_AFTER => None,
            Some(asked) => Some(asked.max(jittered)),
            None => Some(jittered),
        }
    }
}
