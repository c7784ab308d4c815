//! A client of the HTTP faces: JSON, uploads and event streams, with nothing hidden.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{
    Method, RequestBuilder,
    header::{ACCEPT, HeaderMap},
    multipart::{Form, Part},
};
use serde_json::Value;

use crate::events::Events;

/// How long an answer may take in all.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);

/// A client of one server, with or without credentials.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client without credentials of the server at this URL.
    #[expect(clippy::disallowed_methods, reason = "tests talk to the server itself, not to the world")]
    pub fn new(base: &str) -> Result<Self> {
        // The first one wins, and all are the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), token: None })
    }

    /// The same client with an access token or API key.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// A request that is still to be sent, for what the shorter ways cannot say.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Answer> {
        Answer::of(self.request(Method::PATCH, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<Answer> {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// POST of one file as `multipart/form-data`, in the field `file`.
    pub async fn upload(&self, path: &str, filename: &str, media_type: &str, content: Vec<u8>) -> Result<Answer> {
        let part = Part::bytes(content).file_name(filename.to_owned()).mime_str(media_type)?;
        Answer::of(self.request(Method::POST, path).multipart(Form::new().part("file", part))).await
    }

    /// POST whose answer is an event stream.
    pub async fn post_stream(&self, path: &str, body: &Value) -> Result<Events> {
        self.stream(self.request(Method::POST, path).json(body)).await
    }

    /// GET whose answer is an event stream.
    pub async fn get_stream(&self, path: &str) -> Result<Events> {
        self.stream(self.request(Method::GET, path)).await
    }

    async fn stream(&self, request: RequestBuilder) -> Result<Events> {
        let sent = tokio::time::timeout(ANSWER_LIMIT, request.header(ACCEPT, "text/event-stream").send()).await;
        let response = sent.context("the server did not begin to answer")??;
        if response.status() != 200 {
            let status = response.status();
            bail!("{status} instead of an event stream: {}", response.text().await?);
        }
        Ok(Events::new(response))
    }
}

impl Answer {
    /// Sends a request and reads the whole answer.
    pub async fn of(request: RequestBuilder) -> Result<Self> {
        let response = request.timeout(ANSWER_LIMIT).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.bytes().await?.to_vec() })
    }

    /// The body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("not JSON ({}): {}", self.status, self.text()))
    }

    /// The body as JSON (null when empty), when the status is this one.
    pub fn expect(&self, status: u16) -> Result<Value> {
        if self.status != status {
            bail!("{} instead of {status}: {}", self.status, self.text());
        }
        if self.body.is_empty() { Ok(Value::Null) } else { self.json() }
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
