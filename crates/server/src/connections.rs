//! HTTP connections, each of whose heads has a clock.
//!
//! actix times the first head of a connection and the silence between two requests. A peer that sends the second head a
//! byte at a time is neither: the first byte ends the silence. So the stream below is told when a request is being
//! answered, and what comes in while none is must become one in time.

use std::{
    future::Future,
    io,
    net::TcpListener,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use actix_http::{HttpService, KeepAlive, error::DispatchError};
use actix_rt::net::{ActixStream, Ready, TcpStream};
use actix_server::ServerBuilder;
use actix_service::{IntoServiceFactory, Service, ServiceFactoryExt, fn_service, map_config};
use actix_web::{
    App as ActixApp,
    body::{BodySize, BoxBody, MessageBody},
    dev::AppConfig,
    web::Bytes,
};
use api_actix::Api;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// The head of a request must be there after so long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection without a request is closed after so long.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// A client that was answered and does not close is left after so long.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Serves the API on a listener.
///
/// # Errors
/// When the listener cannot be used.
pub(crate) fn listen(builder: ServerBuilder, listener: TcpListener, api: Api) -> io::Result<ServerBuilder> {
    let address = listener.local_addr()?;
    let ending = builder.graceful_shutdown_signal();
    builder.listen("api", listener, move || {
        let (api, ending) = (api.clone(), ending.clone());
        let app = ActixApp::new()
            .wrap_fn(|request, next| {
                let answering = request.conn_data::<Arc<Answering>>().map(Answer::begin);
                let response = next.call(request);
                async move { Ok(response.await?.map_body(|_, body| Timed { body: body.boxed(), _answer: answering })) }
            })
            .configure(move |services| api.configure(services));
        let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let ending = ending.clone();
                async move { ending.notified().await }
            })
            .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
            .client_request_timeout(HEAD_TIMEOUT)
            .client_disconnect_timeout(DISCONNECT_TIMEOUT)
            .h1_allow_half_closed(false)
            .local_addr(address)
            .on_connect_ext(|stream: &Stream, data| drop(data.insert(Arc::clone(&stream.answering))))
            .h1(map_config(app, |()| AppConfig::default()));
        fn_service(|stream: TcpStream| async {
            let peer = stream.peer_addr().ok();
            Ok::<_, DispatchError>((Stream::new(stream), peer))
        })
        .and_then(http)
    })
}

/// Requests of a connection.
#[derive(Default)]
struct Answering {
    /// Those that there ever were.
    begun: AtomicUsize,
    /// Those that are being answered.
    now: AtomicUsize,
}

/// One of them, to the end of its response.
struct Answer(Arc<Answering>);

impl Answer {
    fn begin(answering: &Arc<Answering>) -> Self {
        answering.begun.fetch_add(1, Ordering::Relaxed);
        answering.now.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(answering))
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of a response, whose end is that of the answer.
struct Timed {
    body: BoxBody,
    _answer: Option<Answer>,
}

impl MessageBody for Timed {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}

/// A connection that ends when what comes in does not become a request.
struct Stream {
    inner: TcpStream,
    answering: Arc<Answering>,
    /// Requests whose heads came in whole.
    requests: usize,
    /// Something came in that is no request yet.
    has_begun: bool,
    /// Something came in while a request was answered: the rest of it, or the beginning of the next one.
    is_ahead: bool,
    clock: Pin<Box<Sleep>>,
}

impl Stream {
    fn new(inner: TcpStream) -> Self {
        let clock = Box::pin(sleep(HEAD_TIMEOUT));
        Self { inner, answering: Arc::default(), requests: 0, has_begun: false, is_ahead: false, clock }
    }

    fn start(&mut self, limit: Duration) {
        self.has_begun = true;
        self.clock.as_mut().reset(Instant::now() + limit);
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        let came = buffer.filled().len() > before;
        let requests = self.answering.begun.load(Ordering::Relaxed);
        if self.requests != requests {
            self.requests = requests;
            self.has_begun = false;
        }
        if self.answering.now.load(Ordering::Relaxed) > 0 {
            self.is_ahead |= came;
            return read;
        }
        if came && !self.has_begun {
            self.start(HEAD_TIMEOUT);
        } else if !self.has_begun && std::mem::take(&mut self.is_ahead) {
            // Mostly the rest of a body, and then this is the silence between two requests.
            self.start(KEEP_ALIVE);
        }
        if self.has_begun && self.clock.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

impl ActixStream for Stream {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_read_ready(&self.inner, context)
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        ActixStream::poll_write_ready(&self.inner, context)
    }
}
