//! A client of the HTTP faces: JSON, uploads and event streams, with nothing hidden.

use std::{net::IpAddr, time::Duration};

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
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Client {
    /// A client without credentials of the server at this URL.
    pub fn new(base: &str) -> Result<Self> {
        Self::of(base, None)
    }

    /// The same that comes from this address of the machine.
    pub fn from_address(base: &str, address: IpAddr) -> Result<Self> {
        Self::of(base, Some(address))
    }

    #[expect(clippy::disallowed_methods, reason = "tests talk to the server itself, not to the world")]
    fn of(base: &str, address: Option<IpAddr>) -> Result<Self> {
        // The first one wins, and all are the same.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .local_address(address)
            .build()?;
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
    pub async fn get(&self, path: &str) -> Result<Response> {
        Response::of(self.request(Method::GET, path)).await
    }

    /// POST with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Response> {
        Response::of(self.request(Method::POST, path).json(body)).await
    }

    /// PATCH with a JSON body.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Response> {
        Response::of(self.request(Method::PATCH, path).json(body)).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Result<Response> {
        Response::of(self.request(Method::DELETE, path)).await
    }

    /// POST of one file as `multipart/form-data`, in the field `file`.
    pub async fn upload(&self, path: &str, filename: &str, media_type: &str, content: Vec<u8>) -> Result<Response> {
        let part = Part::bytes(content).file_name(filename.to_owned()).mime_str(media_type)?;
        Response::of(self.request(Method::POST, path).multipart(Form::new().part("file", part))).await
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

impl Response {
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

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Answers one request on a socket with these bytes, and gives the address and the request.
    async fn answer_once(answer: &'static str) -> Result<(String, tokio::task::JoinHandle<Result<String>>)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let served = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await?;
            let mut request = vec![0; 4096];
            let length = socket.read(&mut request).await?;
            socket.write_all(answer.as_bytes()).await?;
            Ok(String::from_utf8_lossy(&request[..length]).into_owned())
        });
        Ok((base, served))
    }

    #[tokio::test]
    async fn requests_carry_the_token_and_a_wrong_status_is_told_with_its_body() -> Result<()> {
        let (base, served) =
            answer_once("HTTP/1.1 404 Not Found\r\ncontent-length: 13\r\n\r\n{\"code\":\"no\"}").await?;
        let answer = Client::new(&base)?.with_token("t0").get("/api/v1/me").await?;
        let request = served.await??;
        assert!(request.starts_with("GET /api/v1/me HTTP/1.1"), "{request}");
        assert!(request.contains("authorization: Bearer t0"), "{request}");
        assert_eq!(answer.json()?["code"], "no");
        let refused = answer.expect(200).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("404 instead of 200: {\"code\":\"no\"}"));
        Ok(())
    }

    #[tokio::test]
    async fn an_event_stream_is_read_to_its_end() -> Result<()> {
        let text =
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nid: 1\nevent: a\ndata: {}\n\nid: 2\nevent: b\ndata: {}\n\n";
        let (base, served) = answer_once(text).await?;
        let mut events = Client::new(&base)?.post_stream("/x", &Value::Null).await?;
        assert!(served.await??.contains("accept: text/event-stream"));
        assert_eq!(events.until("a").await?.len(), 1);
        assert_eq!(events.rest().await?.iter().map(|event| event.id).collect::<Vec<_>>(), [Some(2)]);
        Ok(())
    }
}
