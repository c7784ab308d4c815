//! The one guarded way out: every byte to a provider or a web address goes through [`Egress`].
//!
//! - Only `http` and `https`, only ports 80 and 443, and only public addresses, unless the operator
//!   listed host and port in the settings ([`AllowList`]).
//! - Names are resolved once, inside the connector, and private or unusual addresses are dropped
//!   there: what was checked is what is connected to, so a name that changes its mind gains nothing.
//! - One parser (the `url` crate) reads an address, for the check and for the connection.
//! - No redirects, no proxy but the operator's own ([`Route`]), and through it listed hosts alone; no
//!   decompression, no HTTP/2; bounded in time and size.
//!
//! Root certificates are Mozilla's list, compiled in (`webpki-roots`): a single binary then works in
//! an empty container, and what is trusted does not depend on the machine. The price is that a newer
//! list comes with a newer build. The operator may add authorities. The cryptography (`ring`) is named here as well,
//! so the client does not depend on what the process has installed.
//!
//! The client is hyper's own and not one of those around it, because it alone tells on which connection a request
//! failed, and so whether it may be sent once more.

mod address;
mod allow_list;
mod connection;
mod connector;
mod error;
mod resolver;
mod route;
mod trust;

use std::{error::Error, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, StatusCode,
    body::Incoming,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT},
};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

pub use address::is_public;
pub use allow_list::AllowList;
use connector::Connector;
pub use error::EgressError;
pub use hyper::Method;
use resolver::Resolver;
pub use resolver::{Lookup, SystemLookup};
pub use route::{Proxy, Route, authorities};

/// How long an idle connection is kept: shorter than the 5 s after which many servers of models close theirs without a
/// word.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Most idle connections kept to one host.
const POOL_MAX_IDLE_PER_HOST: usize = 64;
/// Most headers of a response.
const MAX_HEADERS: usize = 100;
const AGENT: &str = concat!("banyan/", env!("CARGO_PKG_VERSION"));

type BoxError = Box<dyn Error + Send + Sync>;
type Client = legacy::Client<Connector, Full<Bytes>>;

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time until the headers of the response are there.
    pub headers: Duration,
    /// Longest silence within the body.
    pub idle: Duration,
    /// Time for everything.
    pub total: Duration,
    /// Most bytes of the body.
    pub max_bytes: u64,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers beside those that every request has.
    pub headers: HeaderMap,
    /// The body; may be empty.
    pub body: Bytes,
}

impl Request {
    /// A request without headers of its own and without a body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Bytes::new() }
    }

    fn build(self) -> Result<hyper::Request<Full<Bytes>>, EgressError> {
        let mut request = hyper::Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() =
            self.url.as_str().parse().map_err(|_| EgressError::Forbidden("it cannot be written in a request"))?;
        *request.headers_mut() = self.headers;
        let headers = request.headers_mut();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        // Who says nothing accepts any.
        headers.entry(ACCEPT_ENCODING).or_insert(HeaderValue::from_static("identity"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        Ok(request)
    }
}

/// A client that keeps connections, and one that makes a new one for each request.
struct Clients {
    kept: Client,
    fresh: Client,
}

impl Clients {
    fn new(lookup: &Arc<dyn Lookup>, is_guarded: bool, route: Arc<Route>) -> Result<Self, EgressError> {
        let connector = Connector::new(Resolver { lookup: Arc::clone(lookup), is_guarded }, route)?;
        Ok(Self { kept: client(POOL_MAX_IDLE_PER_HOST, connector.clone()), fresh: client(0, connector) })
    }

    /// Sends a request, and once more on a new connection when the kept one was dead already.
    async fn send(&self, request: hyper::Request<Full<Bytes>>) -> Result<hyper::Response<Incoming>, legacy::Error> {
        match self.kept.request(request.clone()).await {
            Err(error) if connection::died_unanswered(&error) => {
                tracing::debug!(%error, "a kept connection was dead; the request is sent on a new one");
                self.fresh.request(request).await
            }
            answered => answered,
        }
    }
}

/// The guarded client.
pub struct Egress {
    /// For everyone: drops private addresses when it resolves.
    guarded: Clients,
    /// For hosts that the operator listed: connects wherever they are, by the route.
    listed: Clients,
    allow: AllowList,
    proxy: Option<Proxy>,
}

impl Egress {
    /// A client that reaches public addresses, and those listed.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub fn new(allow: AllowList) -> Result<Self, EgressError> {
        Self::with(allow, Route::default(), Arc::new(SystemLookup))
    }

    /// The same by another route to those listed, and with another resolver of names.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub fn with(allow: AllowList, route: Route, lookup: Arc<dyn Lookup>) -> Result<Self, EgressError> {
        let direct = Route { proxy: None, ..route.clone() };
        Ok(Self {
            guarded: Clients::new(&lookup, true, Arc::new(direct))?,
            proxy: route.proxy.clone(),
            listed: Clients::new(&lookup, false, Arc::new(route))?,
            allow,
        })
    }

    /// Sends a request and waits for the headers of its response.
    ///
    /// # Errors
    /// [`EgressError::Forbidden`] when the address is not one to connect to.
    pub async fn send(&self, request: Request, limits: Limits) -> Result<Response, EgressError> {
        let is_listed = self.check(&request.url)?;
        let is_tls = request.url.scheme() == "https";
        let mut request = request.build()?;
        // A proxy that forwards is told who comes with each request, one that tunnels when the tunnel is made.
        if let Some(Proxy { authorization: Some(authorization), .. }) = &self.proxy
            && is_listed
            && !is_tls
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let now = Instant::now();
        let total = now + limits.total;
        let clients = if is_listed { &self.listed } else { &self.guarded };
        let inner = timeout_at(total.min(now + limits.headers), clients.send(request))
            .await
            .map_err(|_| EgressError::Timeout)?
            .map_err(EgressError::before_answer)?;
        Ok(Response { inner, idle: limits.idle, total, left: limits.max_bytes, max_bytes: limits.max_bytes })
    }

    /// Checks an address as far as it can be without resolving it; `true`: the operator listed it.
    fn check(&self, url: &Url) -> Result<bool, EgressError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(EgressError::Forbidden("only http and https may be called"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Forbidden("the address must not hold credentials"));
        }
        if self.allow.lists(url) {
            return Ok(true);
        }
        if !matches!(url.port_or_known_default(), Some(80 | 443)) {
            return Err(EgressError::Forbidden("only the ports 80 and 443 may be called"));
        }
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if public { Ok(false) } else { Err(EgressError::Forbidden(resolver::NOT_PUBLIC)) }
    }
}

/// The answer to a request; its body is read in pieces, within the limits.
#[derive(Debug)]
pub struct Response {
    inner: hyper::Response<Incoming>,
    idle: Duration,
    total: Instant,
    left: u64,
    max_bytes: u64,
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// Sets the longest silence from now on.
    pub const fn set_idle(&mut self, idle: Duration) {
        self.idle = idle;
    }

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// [`EgressError::Timeout`], [`EgressError::TooLarge`], [`EgressError::Broken`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        let deadline = self.total.min(Instant::now() + self.idle);
        loop {
            let next = timeout_at(deadline, self.inner.body_mut().frame()).await.map_err(|_| EgressError::Timeout)?;
            let Some(frame) = next else { return Ok(None) };
            // Frames of trailers are passed over.
            if let Ok(chunk) = frame.map_err(EgressError::broken)?.into_data() {
                let left = self.left.checked_sub(chunk.len() as u64);
                self.left = left.ok_or(EgressError::TooLarge { max_bytes: self.max_bytes })?;
                return Ok(Some(chunk));
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Response::chunk`].
    pub async fn bytes(mut self) -> Result<Bytes, EgressError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

fn client(max_idle: usize, connector: Connector) -> Client {
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(max_idle)
        .http1_max_headers(MAX_HEADERS)
        .build(connector)
}
