//! Makes connections: to a peer or to the operator's proxy, with TLS where the address asks for it.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use hyper::{Uri, http::uri::Scheme};
use hyper_util::{
    client::legacy::connect::{HttpConnector, proxy::Tunnel},
    rt::TokioIo,
};
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::{
    BoxError, EgressError,
    carrier::Carrier,
    connection::{Connection, Stream},
    resolver::Resolver,
    route::{Proxy, Route},
    trust,
};

/// The operator's proxy does not answer, or does not let through.
#[derive(Debug, thiserror::Error)]
#[error("the proxy cannot be passed")]
pub(super) struct NotThrough(#[source] pub(super) BoxError);

/// Connects to one host, with TLS where its address says https.
#[derive(Clone)]
struct Dialer {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
}

impl Dialer {
    async fn dial(mut self, uri: Uri) -> Result<TokioIo<Box<dyn Stream>>, BoxError> {
        let stream: Box<dyn Stream> = Box::new(self.tcp.call(uri.clone()).await?.into_inner());
        Ok(TokioIo::new(if is_tls(&uri) { self.shake_hands(&uri, stream).await? } else { stream }))
    }

    async fn shake_hands(&self, uri: &Uri, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, BoxError> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host)?.to_owned();
        Ok(Box::new(self.tls.connect(name, stream).await?))
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}

/// Connects by a route.
pub(super) struct Connector {
    dialer: Dialer,
    route: Arc<Route>,
}

impl Connector {
    /// A connector that trusts the route's authorities beside the usual ones.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub(super) fn new(resolver: Resolver, route: Arc<Route>) -> Result<Self, EgressError> {
        let tls = trust::config(&route.authorities)?;
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Ok(Self { dialer: Dialer { tcp, tls: TlsConnector::from(Arc::new(tls)) }, route })
    }

    /// A connection to the host of an address, made in the route's time.
    ///
    /// # Errors
    /// What stands in the way, among it [`NotThrough`] and the resolver's.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Carrier, BoxError> {
        let late = |_| BoxError::from(io::Error::from(io::ErrorKind::TimedOut));
        timeout(self.route.connect, self.connected(uri)).await.map_err(late)?
    }

    async fn connected(&self, uri: &Uri) -> Result<Carrier, BoxError> {
        let dialer = self.dialer.clone();
        let (stream, is_forwarded) = match &self.route.proxy {
            None => (dialer.dial(uri.clone()).await?.into_inner(), false),
            Some(Proxy { uri: proxy, authorization }) if is_tls(uri) => {
                let mut tunnel = Tunnel::new(proxy.clone(), dialer);
                if let Some(authorization) = authorization {
                    tunnel = tunnel.with_auth(authorization.clone());
                }
                let stream = tunnel.call(uri.clone()).await.map_err(|error| NotThrough(error.into()))?;
                (self.dialer.shake_hands(uri, stream.into_inner()).await?, false)
            }
            Some(proxy) => (dialer.dial(proxy.uri.clone()).await.map_err(NotThrough)?.into_inner(), true),
        };
        Ok(Carrier::over(Connection::new(stream), is_forwarded).await?)
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}
