//! A connection that knows whether the request under way has had an answer yet.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use hyper::Response;
use hyper_util::client::legacy::{self, connect};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes to and from a peer, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What has passed over a connection.
#[derive(Debug, Default)]
struct Traffic {
    /// Requests that were begun: times that something was written after something was read.
    requests: AtomicU64,
    /// Whether a byte was read since the last of them began.
    is_answered: AtomicBool,
}

/// A connection to a peer, or to a proxy that forwards.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    traffic: Arc<Traffic>,
    is_forwarded: bool,
}

impl Connection {
    /// `is_forwarded`: requests name their whole address, as a proxy wants it.
    pub(super) fn new(stream: Box<dyn Stream>, is_forwarded: bool) -> Self {
        Self { stream, traffic: Arc::default(), is_forwarded }
    }
}

/// Whether a kept connection died under a request before a byte of its answer came: what a peer does that closes
/// a connection for being idle just as the next request comes.
// Such a peer never saw the request, so that even a POST may be repeated (RFC 9110, section 9.2.2, lets a client
// that knows). On a connection that carried nothing before, a death may be that of the work on the request; and where a
// byte of the answer came, the request was seen.
pub(super) fn died_unanswered(error: &legacy::Error) -> bool {
    let Some(connected) = error.connect_info() else { return false };
    let mut carrier = Response::new(());
    connected.get_extras(carrier.extensions_mut());
    carrier.extensions().get::<Arc<Traffic>>().is_some_and(|traffic| {
        traffic.requests.load(Ordering::Relaxed) > 1 && !traffic.is_answered.load(Ordering::Relaxed)
    })
}

impl connect::Connection for Connection {
    fn connected(&self) -> connect::Connected {
        connect::Connected::new().proxy(self.is_forwarded).extra(Arc::clone(&self.traffic))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.traffic.is_answered.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if matches!(polled, Poll::Ready(Ok(_))) {
            let Traffic { requests, is_answered } = &*self.traffic;
            if is_answered.swap(false, Ordering::Relaxed) || requests.load(Ordering::Relaxed) == 0 {
                requests.fetch_add(1, Ordering::Relaxed);
            }
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
