//! A connection that carries one request after the other.
//!
//! hyper's connection is a future that moves bytes when it is polled. Here whoever waits for an answer polls it, and
//! no task of its own does: so the pieces of an answer that are there already are read by as many calls of a function,
//! where a task would have to be woken for each of them, on another thread more often than not; and nothing is read
//! that nobody asks for.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, Uri,
    body::{Frame, Incoming},
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;

use super::connection::Connection;

/// Most headers of a response.
const MAX_HEADERS: usize = 100;

/// What is sent.
pub(super) type Sent = Request<Full<Bytes>>;

/// A connection to a peer, or to a proxy that forwards.
pub(super) struct Carrier {
    sender: http1::SendRequest<Full<Bytes>>,
    /// What moves the bytes; `None` when it has ended.
    driver: Option<http1::Connection<TokioIo<Connection>, Full<Bytes>>>,
    /// Whether a byte has come since the last request was sent.
    is_answered: Arc<AtomicBool>,
    /// Whether requests name their whole address, as a proxy wants it.
    is_forwarded: bool,
}

impl Carrier {
    /// Speaks HTTP over a new connection.
    ///
    /// # Errors
    /// hyper's, of which none is known here: nothing is sent yet.
    pub(super) async fn over(connection: Connection, is_forwarded: bool) -> hyper::Result<Self> {
        let is_answered = connection.is_answered();
        let (sender, driver) =
            http1::Builder::new().max_headers(MAX_HEADERS).handshake(TokioIo::new(connection)).await?;
        Ok(Self { sender, driver: Some(driver), is_answered, is_forwarded })
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// The connection breaks, or what comes is no HTTP.
    pub(super) async fn send(&mut self, mut request: Sent) -> hyper::Result<Response<Incoming>> {
        address(&mut request, self.is_forwarded);
        self.is_answered.store(false, Ordering::Relaxed);
        let mut answer = pin!(self.sender.send_request(request));
        let driver = &mut self.driver;
        poll_fn(|context| {
            drive(driver, context);
            answer.as_mut().poll(context)
        })
        .await
    }

    /// The next frame of the answer's body.
    pub(super) async fn frame(&mut self, body: &mut Incoming) -> Option<hyper::Result<Frame<Bytes>>> {
        let mut frame = body.frame();
        poll_fn(|context| {
            // What has come is taken before more is read. Nothing but the driver can bring more, so that it wakes nobody.
            let waits_for_driver = &mut Context::from_waker(Waker::noop());
            match Pin::new(&mut frame).poll(waits_for_driver) {
                Poll::Pending => {
                    drive(&mut self.driver, context);
                    Pin::new(&mut frame).poll(waits_for_driver)
                }
                ready => ready,
            }
        })
        .await
    }

    /// Whether a byte has come since the last request was sent.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered.load(Ordering::Relaxed)
    }

    /// Whether another request can be sent: the last answer was read to its end, and the peer has closed nothing.
    pub(super) fn is_free(&mut self) -> bool {
        drive(&mut self.driver, &mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// Moves what can be moved. What goes wrong reaches whoever waits for an answer.
fn drive(driver: &mut Option<http1::Connection<TokioIo<Connection>, Full<Bytes>>>, context: &mut Context<'_>) {
    if driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(context).is_ready()) {
        *driver = None;
    }
}

/// Names the host in a header and the rest in the request line (RFC 9112, section 3.2); a proxy that forwards is told
/// all in the request line.
fn address(request: &mut Sent, is_forwarded: bool) {
    if let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
    if !is_forwarded && let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
}
