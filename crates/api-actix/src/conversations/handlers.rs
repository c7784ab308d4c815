//! Handlers of conversations.

use actix_web::{HttpResponse, http::StatusCode, http::header, web};
use app::conversations::Head;
use domain::{
    conversations::{Conversation, ConversationFilter, Origin},
    ids::{ConversationId, MessageId},
};
use uuid::Uuid;

use super::{
    dto::{
        ConversationBody, ConversationQuery, HeadBody, MAX_TITLE_PART_BYTES, MessagesQuery, NewConversationRequest,
        SwitchRequest, UsageReportBody,
    },
    message::{MessageBody, MessagesBody},
};
use crate::{
    authorize::ActorRequest,
    body::Json,
    error::HandlerResult,
    idempotency::{Expecting, Repeatable, expected_head, idempotent, respond},
    openapi::values::HeadVersion,
    page::{PageBody, PageQuery, checked_limit, decode_message, decode_number, next_link},
    query::Query,
    route::LISTED,
};

/// One's conversations, newest first.
#[utoipa::path(trace, path = LISTED, params(ConversationQuery),
    responses((status = 200, body = PageBody<ConversationBody>)))]
pub(crate) async fn list(request: ActorRequest, query: Query<ConversationQuery>) -> HandlerResult {
    let ConversationQuery { q, origin, include_others, include_archived, limit, cursor } = query.0;
    let filter = ConversationFilter {
        include_others: include_others.unwrap_or_default(),
        origin: origin.as_deref().map(Origin::parse).transpose()?,
        include_archived: include_archived.unwrap_or_default(),
        title_contains: q.map(|text| domain::text::free("q", &text, MAX_TITLE_PART_BYTES)).transpose()?,
    };
    let page = PageQuery { limit, cursor }.request()?;
    let conversations = request.app.conversations().list(&request.actor, &filter, page).await?;
    Ok(PageBody::of(conversations, |conversation| ConversationBody::from(&conversation)).respond(&request.http))
}

/// Begins a conversation.
#[utoipa::path(trace, path = LISTED, params(Repeatable), request_body = Option<NewConversationRequest>,
    responses((status = 201, body = ConversationBody)))]
pub(crate) async fn create(request: ActorRequest, body: Json<NewConversationRequest>) -> HandlerResult {
    let shape = |conversation: &Conversation| ConversationBody::from(conversation);
    let keyed = idempotent(&request.http, &body.bytes, StatusCode::CREATED, shape)?;
    let outcome = request.app.conversations().create(&request.actor, body.value.try_into()?, keyed).await?;
    Ok(respond(&outcome, StatusCode::CREATED, shape))
}

/// A conversation.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = ConversationBody, headers(("ETag" = HeadVersion)))))]
pub(crate) async fn get(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    let conversation = request.app.conversations().get(&request.actor, ConversationId(path.into_inner())).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, format!("\"{}\"", conversation.head_version)));
    Ok(response.json(ConversationBody::from(&conversation)))
}

/// The active branch, root to head, or with `tree=true` all live messages.
#[utoipa::path(trace, path = LISTED, params(MessagesQuery),
    responses((status = 200, body = MessagesBody, headers(("ETag" = HeadVersion)))))]
pub(crate) async fn list_messages(
    request: ActorRequest,
    path: web::Path<Uuid>,
    query: Query<MessagesQuery>,
) -> HandlerResult {
    let id = ConversationId(path.into_inner());
    let limit = checked_limit(query.0.limit)?;
    let (items, next_cursor, head) = if query.0.tree.unwrap_or_default() {
        let after = query.0.cursor.as_deref().map_or(Ok(0), decode_number)?;
        let page = request.app.conversations().tree(&request.actor, id, after, limit).await?;
        (page.items, page.next.map(|seq| seq.to_string()), page.head)
    } else {
        let last = query.0.cursor.as_deref().map(decode_message).transpose()?;
        let page = request.app.conversations().branch(&request.actor, id, last, limit).await?;
        (page.items, page.next.map(|id| id.to_string()), page.head)
    };
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, format!("\"{}\"", head.head_version)));
    if let Some(cursor) = &next_cursor {
        response.insert_header((header::LINK, next_link(&request.http, cursor)));
    }
    let items = items.iter().map(MessageBody::from).collect();
    Ok(response.json(MessagesBody { items, next_cursor, head: HeadBody::from(&head) }))
}

/// Shows the branch through a message.
#[utoipa::path(trace, path = LISTED, params(Repeatable, Expecting), request_body = Option<SwitchRequest>,
    responses((status = 200, body = HeadBody), (status = 412, description = "the head has moved")))]
pub(crate) async fn switch(
    request: ActorRequest,
    path: web::Path<(Uuid, Uuid)>,
    body: Json<SwitchRequest>,
) -> HandlerResult {
    let (conversation, message) = path.into_inner();
    let shape = |head: &Head| HeadBody::from(head);
    let keyed = idempotent(&request.http, &body.bytes, StatusCode::OK, shape)?;
    let exact = body.value.exact.unwrap_or_default();
    let conversations = request.app.conversations();
    let (conversation, message) = (ConversationId(conversation), MessageId(message));
    let outcome = conversations
        .switch(&request.actor, conversation, message, exact, expected_head(&request.http)?, keyed)
        .await?;
    Ok(respond(&outcome, StatusCode::OK, shape))
}

/// What a conversation cost, exactly.
#[utoipa::path(trace, path = LISTED, responses((status = 200, body = UsageReportBody)))]
pub(crate) async fn get_usage(request: ActorRequest, path: web::Path<Uuid>) -> HandlerResult {
    let report = request.app.conversations().usage(&request.actor, ConversationId(path.into_inner())).await?;
    Ok(HttpResponse::Ok().json(UsageReportBody::from(report)))
}
