//! Streams over HTTP: follow, resume, stop.

use actix_web::{HttpRequest, web, web::Bytes};
use app::{App, conversations::Following};
use domain::{
    access::Actor,
    error::ValueError,
    ids::{ConversationId, StreamId},
};
use futures::{Stream, stream};
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;
use uuid::Uuid;

use super::event::{self, TurnEvents};
use crate::{
    authorize::ActorRequest,
    error::{ApiError, HandlerResult},
    observe::no_content,
    query::Query,
    route::LISTED,
    sse::{self, COMMENT, HEARTBEAT},
};

/// From where on events are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AfterQuery {
    /// The number of the last event that is known; 0 replays all.
    #[param(minimum = 0)]
    after: Option<i64>,
}

/// The same as browsers say it.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header in the OpenAPI document")]
struct LastEvent {
    /// The same as `after`, where that is absent.
    #[param(rename = "Last-Event-ID", minimum = 0)]
    last_event_id: Option<i64>,
}

/// The events of a stream: those that were, then those to come.
#[utoipa::path(trace, path = LISTED, params(AfterQuery, LastEvent),
    responses((status = 200, description = "events", content_type = "text/event-stream", body = TurnEvents),
        (status = 410, description = "the answer ended long ago: read its message")))]
pub(crate) async fn follow(request: ActorRequest, path: web::Path<Uuid>, query: Query<AfterQuery>) -> HandlerResult {
    let after = after(&query.0, &request.http)?;
    stream_response(&request.app, &request.actor, &request.http, StreamId(path.into_inner()), after).await
}

/// The stream that runs in a conversation; 204 when none does.
#[utoipa::path(trace, path = LISTED, params(AfterQuery, LastEvent),
    responses((status = 200, description = "events", content_type = "text/event-stream", body = TurnEvents),
        (status = 204, description = "nothing is being written")))]
pub(crate) async fn resume(request: ActorRequest, path: web::Path<Uuid>, query: Query<AfterQuery>) -> HandlerResult {
    let after = after(&query.0, &request.http)?;
    match request.app.conversations().running_stream(&request.actor, ConversationId(path.into_inner())).await? {
        Some(stream) => stream_response(&request.app, &request.actor, &request.http, stream, after).await,
        None => Ok(no_content()),
    }
}

/// Stops a stream. The text so far stays.
#[utoipa::path(trace, path = LISTED, responses((status = 204)))]
pub(crate) async fn stop(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    request.app.conversations().stop(&request.actor, StreamId(path.into_inner())).await?;
    Ok(no_content())
}

/// Follows a stream over HTTP.
pub(crate) async fn stream_response(
    app: &App,
    actor: &Actor,
    request: &HttpRequest,
    id: StreamId,
    after: i64,
) -> HandlerResult {
    let following = app.conversations().follow(actor, id, after).await?;
    sse::respond(request, broken_off, bytes_of(following))
}

/// What a reader is told whose stream ends before its answer. No id: it resumes from the last event that it has seen.
fn broken_off(error: ApiError) -> Bytes {
    sse::event(None, event::BROKEN_OFF, &error.problem(""))
}

fn bytes_of(following: Following) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
    stream::unfold(Some(following), |following| async {
        let mut following = following?;
        match timeout(HEARTBEAT, following.next()).await {
            Err(_) => Some((Ok(COMMENT), Some(following))),
            Ok(Ok(Some(followed))) => Some((Ok(event::encode(followed)), Some(following))),
            Ok(Ok(None)) => None,
            Ok(Err(error)) => {
                tracing::warn!(error = ?error, "an event stream broke off");
                Some((Ok(broken_off(error.into())), None))
            }
        }
    })
}

fn after(query: &AfterQuery, request: &HttpRequest) -> Result<i64, ApiError> {
    let header = request.headers().get("last-event-id").and_then(|value| value.to_str().ok());
    let after = match (query.after, header) {
        (Some(after), _) => Some(after),
        (None, None) => Some(0),
        (None, Some(text)) => text.trim().parse().ok(),
    };
    let after = after.filter(|after| *after >= 0);
    after.ok_or_else(|| ValueError::new("after", "not_a_number", "must be the number of an event, or 0").into())
}
