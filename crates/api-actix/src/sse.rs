//! Event streams: what they look like, and that they never go silent.

use std::{
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::{ConnectionType, Version, header},
    web::{self, Bytes},
};
use futures::{FutureExt, Stream, future::LocalBoxFuture};
use serde::Serialize;
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep, sleep},
};

use crate::{authorize::Rights, error::ApiError, runtime::In};

/// How often the rights of who reads are looked at again: they end within five seconds of being revoked.
const LOOK_AGAIN: Duration = Duration::from_secs(4);

/// A comment goes out when nothing else did for so long: proxies keep the connection, and a reader
/// that is gone is noticed.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);
/// The comment.
pub(crate) const COMMENT: Bytes = Bytes::from_static(b": still here\n\n");

/// An event of ours. `id` is left out of events that cannot be resumed from.
pub(crate) fn event(id: Option<i64>, name: &str, data: &impl Serialize) -> Bytes {
    let mut text = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    text.push_str("event: ");
    text.push_str(name);
    text.push_str("\ndata: ");
    let mut bytes = text.into_bytes();
    // JSON has no bare line breaks, so one data line holds it.
    bytes.extend_from_slice(&crate::idempotency::to_json(data));
    bytes.extend_from_slice(b"\n\n");
    Bytes::from(bytes)
}

/// A nameless event, as OpenAI's dialect has them.
pub(crate) fn data(data: &impl Serialize) -> Bytes {
    let mut bytes = b"data: ".to_vec();
    bytes.extend_from_slice(&crate::idempotency::to_json(data));
    bytes.extend_from_slice(b"\n\n");
    Bytes::from(bytes)
}

/// The head of a stream's response.
fn head() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache, no-store, no-transform"))
        .insert_header(("x-accel-buffering", "no"));
    response
}

/// An event stream, polled in the application's runtime. It ends when its reader's rights do, with what `told` makes
/// of that.
pub(crate) fn respond(
    request: &HttpRequest,
    told: fn(ApiError) -> Bytes,
    events: impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static,
) -> Result<HttpResponse, ApiError> {
    let handle = request.app_data::<web::Data<Handle>>();
    let handle = handle.ok_or_else(|| app::Error::internal("the API knows its runtime"))?;
    let events = WhileAllowed {
        events: Box::pin(events),
        rights: Rc::new(Rights::of(request)?),
        told,
        clock: Box::pin(sleep(LOOK_AGAIN)),
        look: None,
        ended: false,
    };
    let mut response = head().streaming(In::new(handle.as_ref().clone(), events));
    // RFC 9112, 6.1: HTTP/1.0 knows no chunks; there the end of the connection ends a body of unknown length.
    if request.version() < Version::HTTP_11 {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Events while their reader may have them. They go on while that is looked at, so that a database that is slow holds
/// nobody up.
struct WhileAllowed<S> {
    events: Pin<Box<S>>,
    rights: Rc<Rights>,
    told: fn(ApiError) -> Bytes,
    /// Until the next look.
    clock: Pin<Box<Sleep>>,
    look: Option<LocalBoxFuture<'static, Result<(), ApiError>>>,
    ended: bool,
}

impl<S: Stream<Item = Result<Bytes, actix_web::Error>>> Stream for WhileAllowed<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.look.is_none() && self.clock.as_mut().poll(context).is_ready() {
            let rights = Rc::clone(&self.rights);
            self.look = Some(async move { rights.still_hold().await }.boxed_local());
        }
        if let Some(Poll::Ready(held)) = self.look.as_mut().map(|look| look.as_mut().poll(context)) {
            self.look = None;
            if let Err(error) = held {
                self.ended = true;
                return Poll::Ready(Some(Ok((self.told)(error))));
            }
            self.clock.as_mut().reset(Instant::now() + LOOK_AGAIN);
            // Asked once, it calls when it goes off.
            if self.clock.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
        }
        self.events.as_mut().poll_next(context)
    }
}

/// Whether a client asks for an event stream.
pub(crate) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.trim().to_ascii_lowercase().starts_with("text/event-stream"))
}
