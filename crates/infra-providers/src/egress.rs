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
//! The client is hyper's own and not one of those around it: whoever keeps the connections knows on which of them a
//! request failed, and so whether it may be sent once more, and reads an answer without a task between.

mod address;
mod allow_list;
mod carrier;
mod connection;
mod connector;
mod error;
mod pool;
mod resolver;
mod route;
mod trust;

use std::{error::Error, fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::{
    HeaderMap, StatusCode,
    body::Incoming,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT},
};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

pub use address::is_public;
pub use allow_list::AllowList;
use carrier::{Carrier, Sent};
use connector::Connector;
pub use error::EgressError;
pub use hyper::Method;
use pool::{Origin, Pool};
use resolver::Resolver;
pub use resolver::{Lookup, SystemLookup};
pub use route::{Proxy, Route, authorities};

/// How soon a kept connection ends under a request that the peer has not seen: later, it may have worked on it.
const UNSEEN: Duration = Duration::from_secs(1);
const AGENT: &str = concat!("banyan/", env!("CARGO_PKG_VERSION"));

type BoxError = Box<dyn Error + Send + Sync>;

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

    fn build(self) -> Result<Sent, EgressError> {
        let mut request = Sent::new(Full::new(self.body));
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

/// Connections by one route.
struct Connections {
    connector: Connector,
    pool: Arc<Pool>,
}

impl Connections {
    fn new(lookup: &Arc<dyn Lookup>, is_guarded: bool, route: Arc<Route>) -> Result<Self, EgressError> {
        let connector = Connector::new(Resolver { lookup: Arc::clone(lookup), is_guarded }, route)?;
        Ok(Self { connector, pool: Arc::default() })
    }

    /// Sends a request, and once more on a new connection when the kept one was dead already.
    // A peer that closes a connection for being idle just as the next request comes never saw that request, so that even
    // a POST may be repeated (RFC 9110, section 9.2.2, lets a client that knows). On a connection that carried nothing
    // before, or a while after the request, a death may be that of the work on it; and where a byte of the answer came,
    // the request was seen.
    async fn send(&self, request: Sent) -> Result<(hyper::Response<Incoming>, Lease), EgressError> {
        let uri = request.uri().clone();
        let origin = Origin::of(&uri);
        if let Some(mut kept) = self.pool.take(&origin) {
            let begun = Instant::now();
            let answered = kept.send(request.clone()).await;
            let is_early = begun.elapsed() < UNSEEN;
            match answered {
                Err(error) if is_early && !kept.is_answered() => {
                    tracing::debug!(%error, "a kept connection was dead; the request is sent on a new one");
                }
                // Some say that they give up an idle connection, just as the request comes (RFC 9110, section 15.5.9).
                Ok(response) if is_early && response.status() == StatusCode::REQUEST_TIMEOUT => {}
                answered => return Ok((answered.map_err(EgressError::broken)?, self.lease(origin, kept))),
            }
        }
        let mut fresh = self.connector.connect(&uri).await.map_err(EgressError::unconnected)?;
        Ok((fresh.send(request).await.map_err(EgressError::broken)?, self.lease(origin, fresh)))
    }

    fn lease(&self, origin: Origin, carrier: Carrier) -> Lease {
        Lease { carrier, origin, pool: Arc::clone(&self.pool) }
    }
}

/// A connection under an answer. Dropped before the end of it, the connection is closed.
struct Lease {
    carrier: Carrier,
    origin: Origin,
    pool: Arc<Pool>,
}

impl Lease {
    fn end(self) {
        self.pool.put(self.origin, self.carrier);
    }
}

/// The guarded client.
pub struct Egress {
    /// For everyone: drops private addresses when it resolves.
    guarded: Connections,
    /// For hosts that the operator listed: connects wherever they are, by the route.
    listed: Connections,
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
            guarded: Connections::new(&lookup, true, Arc::new(direct))?,
            proxy: route.proxy.clone(),
            listed: Connections::new(&lookup, false, Arc::new(route))?,
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
        let connections = if is_listed { &self.listed } else { &self.guarded };
        let sent = timeout_at(total.min(now + limits.headers), connections.send(request));
        let (inner, lease) = sent.await.map_err(|_| EgressError::Timeout)??;
        let Limits { idle, max_bytes, .. } = limits;
        Ok(Response { inner, lease: Some(lease), idle, total, left: max_bytes, max_bytes })
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
pub struct Response {
    inner: hyper::Response<Incoming>,
    /// The connection, until the end has come.
    lease: Option<Lease>,
    idle: Duration,
    total: Instant,
    left: u64,
    max_bytes: u64,
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(formatter)
    }
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
        while let Some(lease) = &mut self.lease {
            let frame = lease.carrier.frame(self.inner.body_mut());
            let Some(frame) = timeout_at(deadline, frame).await.map_err(|_| EgressError::Timeout)? else {
                break;
            };
            // Frames of trailers are passed over.
            if let Ok(chunk) = frame.map_err(EgressError::broken)?.into_data() {
                let left = self.left.checked_sub(chunk.len() as u64);
                self.left = left.ok_or(EgressError::TooLarge { max_bytes: self.max_bytes })?;
                return Ok(Some(chunk));
            }
        }
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
        Ok(None)
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
