//! The guard of every route: one extractor of credentials for all doors.

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, HeaderMap, USER_AGENT},
    middleware::Next,
    web,
};
use app::{App, ErrorKind, identity::RequestContext};
use domain::{
    access::{Actor, Denied},
    error::ValueError,
};
use std::future::{Ready, ready};
use uuid::Uuid;

use crate::{Access, Route, error::ApiError};

/// Longest `Authorization` header that is looked at.
const MAX_CREDENTIAL_BYTES: usize = 8 * 1024;
/// Most characters of a user agent that are kept.
const MAX_USER_AGENT_CHARS: usize = 512;

/// The actor of a request, put there by the guard of its route.
#[derive(Debug, Clone)]
pub(crate) struct Authenticated(pub(crate) Actor);

impl FromRequest for Authenticated {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let signed = request.extensions().get::<Self>().cloned();
        ready(signed.ok_or_else(|| app::Error::unauthenticated().into()))
    }
}

/// A request of an actor, with the application that it is made to.
pub(crate) struct ActorRequest {
    pub(crate) app: App,
    pub(crate) actor: Actor,
    pub(crate) http: HttpRequest,
}

impl FromRequest for ActorRequest {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(http: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let actor = Authenticated::from_request(http, payload).into_inner();
        ready(actor.and_then(|Authenticated(actor)| {
            let app = http.app_data::<web::Data<App>>().ok_or_else(|| app::Error::internal("no application"))?;
            Ok(Self { app: App::clone(app), actor, http: http.clone() })
        }))
    }
}

/// What a request was allowed when it was made, to be looked at again while its answer goes on.
pub(crate) struct Rights {
    app: App,
    access: Access,
    actor: Actor,
}

impl Rights {
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let ActorRequest { app, actor, .. } = ActorRequest::from_request(request, &mut Payload::None).into_inner()?;
        let access = request.extensions().get::<Access>().copied();
        Ok(Self { app, access: access.ok_or_else(|| app::Error::internal("a route has its access"))?, actor })
    }

    /// # Errors
    /// The refusal, when they are fewer than they were. A database that does not answer refuses nobody.
    pub(crate) async fn still_hold(&self) -> Result<(), ApiError> {
        let again = self.app.identity().look_again(&self.actor).await;
        match again.and_then(|actor| admitted(self.access, actor)) {
            Ok(actor) if actor.may_no_less_than(&self.actor) => Ok(()),
            Ok(_) => {
                let message = "your rights have changed; ask again";
                Err(app::Error::new(ErrorKind::Forbidden, "rights_changed", message).into())
            }
            Err(error) if matches!(error.kind, ErrorKind::Unauthenticated | ErrorKind::Forbidden) => Err(error.into()),
            Err(error) => {
                tracing::warn!(error = ?error, "the rights of a reader could not be looked at again");
                Ok(())
            }
        }
    }
}

/// Where a request came from.
#[derive(Debug, Clone)]
pub(crate) struct Context(pub(crate) RequestContext);

impl FromRequest for Context {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(context_of(request))))
    }
}

/// Lets a request through if its credential gives it the access to the route, with what the route reads of its body.
pub(crate) async fn authorize<B: MessageBody + 'static>(
    app: App,
    route: &'static Route,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    if let Err(error) = refuse_nul(request.request()) {
        return Ok(request.error_response(error).map_into_right_body());
    }
    match actor_of(&app, route.access, request.request()).await {
        Ok(actor) => {
            request.extensions_mut().insert(route.body);
            request.extensions_mut().insert(route.access);
            if let Some(actor) = actor {
                request.extensions_mut().insert(Authenticated(actor));
            }
            Ok(next.call(request).await?.map_into_left_body())
        }
        // As a response, not as an error: what surrounds the routes still has its part to do.
        Err(error) => Ok(request.error_response(ApiError::from(error)).map_into_right_body()),
    }
}

/// Refuses NUL in the query, and finds nothing by a path that holds one: no database keeps it.
fn refuse_nul(request: &HttpRequest) -> Result<(), ApiError> {
    const NUL: &str = "%00";
    if request.query_string().contains(NUL) {
        let message = "must not hold the character NUL (U+0000)";
        return Err(ValueError::new("query", "nul", message).into());
    }
    if request.uri().path().contains(NUL) {
        return Err(app::Error::not_found("path", Uuid::nil()).into());
    }
    Ok(())
}

/// The actor of a request to a route with this access; `None` where none is needed.
async fn actor_of(app: &App, access: Access, request: &HttpRequest) -> app::Result<Option<Actor>> {
    if matches!(access, Access::Public | Access::OwnCredential) {
        return Ok(None);
    }
    let bearer = bearer_of(request.headers()).ok_or_else(app::Error::unauthenticated)?;
    let actor = app.identity().authenticate(bearer, &context_of(request)).await?;
    admitted(access, actor).map(Some)
}

/// The actor, if it has what the route needs.
fn admitted(access: Access, actor: Actor) -> app::Result<Actor> {
    match access {
        Access::Needs(permission) if !actor.may(permission) => Err(Denied::MissingPermission(permission).into()),
        _ => Ok(actor),
    }
}

/// The credential of a request: `Authorization: Bearer …`, once, and nowhere else.
fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next()?;
    if values.next().is_some() || value.len() > MAX_CREDENTIAL_BYTES {
        return None;
    }
    let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
    let credential = credential.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty()).then_some(credential)
}

fn context_of(request: &HttpRequest) -> RequestContext {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let user_agent = text(USER_AGENT.as_str()).map(|agent| agent.chars().take(MAX_USER_AGENT_CHARS).collect());
    RequestContext {
        // The peer's address: a header says what its sender likes.
        ip_address: request.peer_addr().map(|peer| peer.ip()),
        user_agent,
        enter_tenant: text("x-banyan-tenant").map(str::to_owned),
    }
}
