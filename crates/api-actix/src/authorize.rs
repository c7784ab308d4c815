//! The guard of every route: one extractor of credentials for all doors.

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, HeaderMap, HeaderName, USER_AGENT},
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

/// Where a key may stand instead of in `Authorization`, as some clients have it.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Longest header with a credential that is looked at.
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
    let credential = credential_of(request.headers())?;
    let actor = app.identity().authenticate(credential, &context_of(request)).await?;
    admitted(access, actor).map(Some)
}

/// The actor, if it has what the route needs.
fn admitted(access: Access, actor: Actor) -> app::Result<Actor> {
    match access {
        Access::Needs(permission) if !actor.may(permission) => Err(Denied::MissingPermission(permission).into()),
        _ => Ok(actor),
    }
}

/// The credential of a request: `Authorization: Bearer …` or `x-api-key: …`, each once, and nowhere else. Where both are
/// given they say the same: nobody is to be taken for whom it did not mean. Another scheme of `Authorization`, such as
/// that of a proxy on the way, is no credential of ours.
fn credential_of(headers: &HeaderMap) -> app::Result<&str> {
    let bearer = once(headers, &AUTHORIZATION)?.and_then(|value| value.split_once(' '));
    let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let bearer = bearer.map(|(_, credential)| credential.trim()).filter(|credential| !credential.is_empty());
    let key = once(headers, &API_KEY)?.map(str::trim).filter(|key| !key.is_empty());
    match (bearer, key) {
        (Some(bearer), Some(key)) if bearer != key => {
            let message = "'Authorization' and 'x-api-key' name two credentials; send one of them";
            Err(app::Error::new(ErrorKind::Unauthenticated, "two_credentials", message))
        }
        (bearer, key) => bearer.or(key).ok_or_else(app::Error::unauthenticated),
    }
}

/// A header that tells a credential, if it is there.
///
/// # Errors
/// `unauthenticated` where it is there twice, or cannot be one.
fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> app::Result<Option<&'a str>> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| values.next().is_none() && value.len() <= MAX_CREDENTIAL_BYTES);
    text.map(Some).ok_or_else(app::Error::unauthenticated)
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

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn credential(given: &[(&'static str, &'static str)]) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        credential_of(&headers).map(str::to_owned).map_err(|error| error.code)
    }

    #[test]
    fn a_key_comes_in_either_header_and_two_must_agree() {
        let key = Ok("k".to_owned());
        assert_eq!(credential(&[("authorization", "Bearer k")]), key);
        assert_eq!(credential(&[("authorization", "bearer  k ")]), key);
        assert_eq!(credential(&[("x-api-key", "k")]), key);
        assert_eq!(credential(&[("x-api-key", " k "), ("authorization", "Bearer k")]), key);
        // What a proxy on the way is told.
        assert_eq!(credential(&[("x-api-key", "k"), ("authorization", "Basic eDp5")]), key);
        assert_eq!(credential(&[("x-api-key", ""), ("authorization", "Bearer k")]), key);
        assert_eq!(credential(&[("x-api-key", "k"), ("authorization", "Bearer l")]), Err("two_credentials"));
        for none in [
            &[][..],
            &[("authorization", "Basic eDp5")],
            &[("authorization", "Bearer")],
            &[("authorization", "Bearer "), ("x-api-key", " ")],
            &[("authorization", "k")],
            &[("x-api-key", "k"), ("x-api-key", "k")],
            &[("authorization", "Bearer k"), ("authorization", "Bearer k")],
        ] {
            assert_eq!(credential(none), Err("unauthenticated"), "{none:?}");
        }
    }
}
