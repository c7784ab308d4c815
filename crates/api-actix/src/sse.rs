//! Event streams: what they look like, and that they never go silent.

use std::{pin::pin, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header,
    web::{self, Bytes},
};
use futures::{Stream, StreamExt, future::Either};
use serde::Serialize;
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
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
    let events = while_allowed(Rights::of(request)?, told, events);
    Ok(head().streaming(In::new(handle.as_ref().clone(), events)))
}

fn while_allowed(
    rights: Rights,
    told: fn(ApiError) -> Bytes,
    events: impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static,
) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    let state = (Box::pin(events), rights, Instant::now() + LOOK_AGAIN);
    futures::stream::unfold(Some(state), move |state| async move {
        let (mut events, rights, mut look_again) = state?;
        loop {
            // Whatever comes meanwhile waits in the stream: asking it for the next event may be given up.
            let next = match futures::future::select(events.next(), pin!(sleep_until(look_again))).await {
                Either::Left((event, _)) if Instant::now() < look_again => {
                    return event.map(|event| (event, Some((events, rights, look_again))));
                }
                Either::Left((event, _)) => Some(event),
                Either::Right(_) => None,
            };
            look_again = Instant::now() + LOOK_AGAIN;
            if let Err(error) = rights.still_hold().await {
                return Some((Ok(told(error)), None));
            }
            if let Some(event) = next {
                return event.map(|event| (event, Some((events, rights, look_again))));
            }
        }
    })
}

/// Whether a client asks for an event stream.
pub(crate) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.trim().to_ascii_lowercase().starts_with("text/event-stream"))
}
