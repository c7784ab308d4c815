//! The one guarded way out: every byte to a provider or a web address goes through [`Egress`].
//!
//! - Only `http` and `https`, only ports 80 and 443, and only public addresses, unless the operator
//!   listed host and port in the settings ([`AllowList`]).
//! - Names are resolved once, inside the connector, and private or unusual addresses are dropped
//!   there: what was checked is what is connected to, so a name that changes its mind gains nothing.
//! - One parser (the `url` crate) reads an address, for the check and for the connection.
//! - No redirects, no proxy from the environment, no decompression, no HTTP/2; bounded in time and size.
//!
//! Root certificates are Mozilla's list, compiled in (`webpki-roots`): a single binary then works in
//! an empty container, and what is trusted does not depend on the machine. The price is that a newer
//! list comes with a newer build. The cryptography (`ring`) is named here as well, so the client does
//! not depend on what the process has installed.

mod address;
mod allow_list;
mod error;
mod resolver;

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{Request, StatusCode, header::HeaderMap};
use tokio::time::{Instant, timeout_at};
use url::{Host, Url};

pub use address::is_public;
pub use allow_list::AllowList;
pub use error::EgressError;
use resolver::PublicOnly;
pub use resolver::{Lookup, SystemLookup};

/// Time to resolve, connect and shake hands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept; short, as peers close theirs without a word.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Most idle connections kept to one host.
const POOL_MAX_IDLE_PER_HOST: usize = 64;
/// Most headers of a response.
const MAX_HEADERS: usize = 100;

/// Bounds of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time until the headers of the response are there.
    pub headers: Duration,
    /// Longest silence within the body.
    pub idle: Duration,
    /// Time for everything; `None` where only silence ends it, as in a stream.
    pub total: Option<Duration>,
    /// Most bytes of the body.
    pub max_bytes: u64,
}

/// The guarded client.
pub struct Egress {
    /// For everyone: drops private addresses when it resolves.
    guarded: reqwest::Client,
    /// For hosts that the operator listed: connects wherever they are.
    listed: reqwest::Client,
    allow: AllowList,
}

impl Egress {
    /// A client that reaches public addresses, and those listed.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub fn new(allow: AllowList) -> Result<Self, EgressError> {
        Self::with(allow, Arc::new(SystemLookup), CONNECT_TIMEOUT)
    }

    /// The same with another resolver of names and another time to connect.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub fn with(allow: AllowList, lookup: Arc<dyn Lookup>, connect: Duration) -> Result<Self, EgressError> {
        let guarded = client(connect)?.dns_resolver(PublicOnly::new(lookup)).build().map_err(EgressError::setup)?;
        let listed = client(connect)?.build().map_err(EgressError::setup)?;
        Ok(Self { guarded, listed, allow })
    }

    /// Sends a request and waits for the headers of its response.
    ///
    /// # Errors
    /// [`EgressError::Forbidden`] when the address is not one to connect to.
    pub async fn send(&self, request: Request, limits: Limits) -> Result<Response, EgressError> {
        let client = if self.check(request.url())? { &self.listed } else { &self.guarded };
        let now = Instant::now();
        let total = limits.total.map(|total| now + total);
        let deadline = earlier(now + limits.headers, total);
        let inner = timeout_at(deadline, client.execute(request))
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
    inner: reqwest::Response,
    idle: Duration,
    total: Option<Instant>,
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

    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// [`EgressError::Timeout`], [`EgressError::TooLarge`], [`EgressError::Broken`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        let deadline = earlier(Instant::now() + self.idle, self.total);
        let next = timeout_at(deadline, self.inner.chunk()).await.map_err(|_| EgressError::Timeout)?;
        let Some(chunk) = next.map_err(EgressError::broken)? else { return Ok(None) };
        self.left =
            self.left.checked_sub(chunk.len() as u64).ok_or(EgressError::TooLarge { max_bytes: self.max_bytes })?;
        Ok(Some(chunk))
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

fn earlier(one: Instant, other: Option<Instant>) -> Instant {
    other.map_or(one, |other| one.min(other))
}

#[expect(clippy::disallowed_methods, reason = "the one place where an HTTP client is made")]
fn client(connect: Duration) -> Result<reqwest::ClientBuilder, EgressError> {
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(EgressError::setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_max_idle_per_host(POOL_MAX_IDLE_PER_HOST)
        .http1_max_headers(MAX_HEADERS)
        .http1_only()
        .tcp_nodelay(true)
        .no_proxy()
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .user_agent(concat!("banyan/", env!("CARGO_PKG_VERSION"))))
}
