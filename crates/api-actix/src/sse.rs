//! Event streams: what they look like, and that they never go silent.

use std::time::Duration;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    http::header,
    web::{self, Bytes},
};
use futures::Stream;
use serde::Serialize;
use tokio::runtime::Handle;

use crate::{error::ApiError, runtime::In};

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

/// An event stream, polled in the application's runtime.
pub(crate) fn respond(
    request: &HttpRequest,
    events: impl Stream<Item = Result<Bytes, actix_web::Error>> + 'static,
) -> Result<HttpResponse, ApiError> {
    let handle = request.app_data::<web::Data<Handle>>();
    let handle = handle.ok_or_else(|| app::Error::internal("the API knows its runtime"))?;
    Ok(head().streaming(In::new(handle.as_ref().clone(), events)))
}

/// Whether a client asks for an event stream.
pub(crate) fn is_wanted(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.trim().to_ascii_lowercase().starts_with("text/event-stream"))
}
