//! Handlers that open a turn: they return its event stream, or the new ids.

use actix_web::{HttpRequest, http::StatusCode, web};
use app::{App, Outcome, conversations::OpenedTurn};
use domain::{
    access::Actor,
    ids::{ConversationId, MessageId, StreamId},
};
use uuid::Uuid;

use super::{
    dto::OpenedBody,
    event::TurnEvents,
    sent::{EditRequest, MessageRequest, RegenerateRequest},
    streams::stream_response,
};
use crate::{
    authorize::ActorRequest,
    body::{self, Json},
    error::{ApiError, HandlerResult},
    idempotency::{Expecting, Repeatable, expected_head, idempotent, respond},
    route::LISTED,
    sse,
};

const ACCEPTED: StatusCode = StatusCode::ACCEPTED;

fn shape(turn: &OpenedTurn) -> OpenedBody {
    OpenedBody::from(turn)
}

/// Sends a message. With `Accept: text/event-stream` the answer comes as events, else its ids.
#[utoipa::path(trace, path = LISTED, params(Repeatable, Expecting), request_body = MessageRequest,
    responses((status = 200, description = "the answer as it is written", content_type = "text/event-stream", body = TurnEvents),
        (status = 202, body = OpenedBody), (status = 406, description = "several models cannot share one stream"),
        (status = 409, description = "the message above is unfinished"),
        (status = 412, description = "the head has moved")))]
pub(crate) async fn send(request: ActorRequest, path: web::Path<Uuid>, body: Json<MessageRequest>) -> HandlerResult {
    let keyed = idempotent(&request.http, &body.bytes, ACCEPTED, shape)?;
    let message = body.value.into_message(expected_head(&request.http)?)?;
    check_streamable(&request.http, message.models.len())?;
    let conversation = ConversationId(path.into_inner());
    let outcome = request.app.conversations().send(&request.actor, conversation, message, keyed).await?;
    answer(&request.app, &request.actor, &request.http, outcome).await
}

/// Edits a question as a new branch beside the old one.
#[utoipa::path(trace, path = LISTED, params(Repeatable, Expecting), request_body = EditRequest,
    responses((status = 200, description = "the answer as it is written", content_type = "text/event-stream", body = TurnEvents),
        (status = 202, body = OpenedBody), (status = 406, description = "several models cannot share one stream"),
        (status = 409, description = "the message is unfinished"),
        (status = 412, description = "the head has moved")))]
pub(crate) async fn edit(
    request: ActorRequest,
    path: web::Path<(Uuid, Uuid)>,
    body: Json<MessageRequest>,
) -> HandlerResult {
    let (conversation, message) = path.into_inner();
    let keyed = idempotent(&request.http, &body.bytes, ACCEPTED, shape)?;
    let new = body.value.into_message(expected_head(&request.http)?)?;
    if new.parent_id.is_some() {
        let message = "must be left out: an edited question stays under the same message";
        return Err(domain::error::ValueError::new("parent_id", "not_here", message).into());
    }
    check_streamable(&request.http, new.models.len())?;
    let conversations = request.app.conversations();
    let outcome =
        conversations.edit(&request.actor, ConversationId(conversation), MessageId(message), new, keyed).await?;
    answer(&request.app, &request.actor, &request.http, outcome).await
}

/// Asks again: a new answer beside the named one, or under the named question. The body may be empty.
#[utoipa::path(trace, path = LISTED, params(Repeatable, Expecting), request_body = Option<RegenerateRequest>,
    responses((status = 200, description = "the answer as it is written", content_type = "text/event-stream", body = TurnEvents),
        (status = 202, body = OpenedBody), (status = 406, description = "several models cannot share one stream"),
        (status = 409, description = "the message is unfinished"),
        (status = 412, description = "the head has moved")))]
pub(crate) async fn regenerate(
    request: ActorRequest,
    path: web::Path<(Uuid, Uuid)>,
    body: Json<RegenerateRequest>,
) -> HandlerResult {
    let (conversation, message) = path.into_inner();
    let keyed = idempotent(&request.http, &body.bytes, ACCEPTED, shape)?;
    let models = body.value.into_models()?;
    check_streamable(&request.http, models.len())?;
    let (conversation, message) = (ConversationId(conversation), MessageId(message));
    let expected = expected_head(&request.http)?;
    let conversations = request.app.conversations();
    let outcome = conversations.regenerate(&request.actor, conversation, message, models, expected, keyed).await?;
    answer(&request.app, &request.actor, &request.http, outcome).await
}

fn check_streamable(request: &HttpRequest, models: usize) -> Result<(), ApiError> {
    if models > 1 && sse::is_wanted(request) {
        let message = "several answers cannot share one event stream; leave out 'Accept: text/event-stream' and \
                       follow /api/v1/streams/{id}/events";
        return Err(ApiError::http(StatusCode::NOT_ACCEPTABLE, "several_streams", message));
    }
    Ok(())
}

/// The turn's stream, or its ids. A repetition joins the stream that runs.
async fn answer(app: &App, actor: &Actor, request: &HttpRequest, outcome: Outcome<OpenedTurn>) -> HandlerResult {
    if !sse::is_wanted(request) {
        return Ok(respond(&outcome, ACCEPTED, shape));
    }
    let stream = match &outcome {
        Outcome::Done(turn) => turn.answers.first().map(|(_, stream)| *stream),
        Outcome::Replayed(kept) => {
            let opened: OpenedBody = body::parse(&kept.body)?;
            opened.stream_ids.first().map(|id| StreamId(*id))
        }
    };
    let stream = stream.ok_or_else(|| app::Error::internal("a turn has a stream"))?;
    let mut response = stream_response(app, actor, request, stream, 0).await?;
    if matches!(outcome, Outcome::Replayed(_)) {
        let replayed = actix_web::http::header::HeaderName::from_static("idempotent-replayed");
        response.headers_mut().insert(replayed, actix_web::http::header::HeaderValue::from_static("true"));
    }
    Ok(response)
}
