//! What surrounds every request: its id, its span, its figures, security headers, errors in the
//! words of the face that was called, and an audit row for what was not there.

use std::{fmt, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use actix_web::{
    Error, HttpMessage, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderName, HeaderValue},
    },
    middleware::Next,
    web,
};
use app::App;
use domain::ids::{IdGen, RandomIds};
use futures::FutureExt;
use tracing::Instrument;

use crate::{ApiSettings, authorize::Authenticated, error::ApiError, v1};

/// Most characters of a request id that a client brings.
const MAX_REQUEST_ID_CHARS: usize = 128;
/// The page of the API reference: its own scripts and styles, and the pictures inside them.
const DOCS: &str = "/api/docs";
const DOCS_POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Wraps a request.
pub(crate) async fn observe<B: MessageBody + 'static>(
    settings: Arc<ApiSettings>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, Error> {
    let begun = Instant::now();
    let request_id = request_id_of(request.headers());
    let traceparent = request.headers().get(TRACEPARENT).cloned();
    let method = request.method().clone();
    let path = request.path().to_owned();
    // The path without the prefix that we are mounted under.
    let own_path = request.match_info().unprocessed().to_owned();
    let app = request.app_data::<web::Data<App>>().cloned();
    let span = tracing::info_span!("request", %method, path, request_id);
    let called = AssertUnwindSafe(next.call(request).instrument(span.clone())).catch_unwind().await;
    let _entered = span.enter();

    let is_openai = v1::is_meant(&own_path);
    let mut response = match called {
        // A panic ends its request, not its worker. The panic hook has logged where it was.
        Err(_) => {
            tracing::error!("a handler panicked");
            return Err(Unwound { is_openai, request_id, settings }.into());
        }
        Ok(Ok(response)) => match rendered(&response, is_openai, &request_id) {
            None => response.map_into_left_body(),
            Some(error) => {
                audit_missing(app.as_ref(), &response);
                response.into_response(error).map_into_right_body()
            }
        },
        Ok(Err(error)) => return Err(error),
    };
    let status = response.status();
    let pattern = response.request().match_pattern().unwrap_or_else(|| "unmatched".to_owned());
    let seconds = begun.elapsed().as_secs_f64();
    let method = method_label(&method);
    metrics::counter!("banyan_http_requests_total", "method" => method, "route" => pattern.clone(), "status" => status.as_u16().to_string()).increment(1);
    metrics::histogram!("banyan_http_request_seconds", "method" => method, "route" => pattern).record(seconds);
    tracing::info!(status = status.as_u16(), seconds, "answered");
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(X_REQUEST_ID, value);
    }
    if let Some(value) = traceparent {
        headers.insert(TRACEPARENT, value);
    }
    if own_path.starts_with(DOCS) {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
    }
    secure(headers, &settings);
    Ok(response)
}

/// The method as figures name it: strangers invent others, and a figure must not grow by what they send.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The answer to a request whose handler panicked; its request object is gone with it.
#[derive(Debug)]
struct Unwound {
    is_openai: bool,
    request_id: String,
    settings: Arc<ApiSettings>,
}

impl fmt::Display for Unwound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a handler panicked")
    }
}

impl ResponseError for Unwound {
    fn error_response(&self) -> HttpResponse {
        let error = ApiError::from(app::Error::internal("a handler panicked"));
        let mut response = error.render(self.is_openai, &self.request_id);
        secure(response.headers_mut(), &self.settings);
        response
    }
}

/// The answer to an error, if the response is one: ours in full, a framework's in our words.
fn rendered<B>(response: &ServiceResponse<B>, openai: bool, request_id: &str) -> Option<HttpResponse> {
    let error = response.response().error()?;
    match error.as_error::<ApiError>() {
        Some(error) => {
            if response.status().is_server_error() {
                tracing::error!(error = ?error.error, "a request failed");
            } else {
                tracing::debug!(error = ?error.error, "a request was refused");
            }
            Some(error.render(openai, request_id))
        }
        None => {
            tracing::warn!(error = ?error, "the HTTP layer refused a request");
            let status = response.status();
            let error = if status.is_server_error() {
                ApiError::from(app::Error::internal(error.to_string()))
            } else {
                ApiError::http(status, "bad_request", "the request is not well formed")
            };
            Some(error.render(openai, request_id))
        }
    }
}

/// Asking for what is not there is on record, in a task of its own: the answer takes as long either way.
fn audit_missing<B>(app: Option<&web::Data<App>>, response: &ServiceResponse<B>) {
    let error = response.response().error().and_then(|error| error.as_error::<ApiError>());
    let actor = response.request().extensions().get::<Authenticated>().map(|signed| signed.0.clone());
    let (Some(app), Some(error), Some(actor)) = (app, error, actor) else { return };
    let Some((entity, id)) = error.error.missing else { return };
    let app = app.as_ref().clone();
    tokio::spawn(async move {
        if let Err(error) = app.record_denial(&actor, entity, id).await {
            tracing::error!(error = ?error, "a denial could not be put on record");
        }
    });
}

fn request_id_of(headers: &HeaderMap) -> String {
    let brought = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| {
        !id.is_empty()
            && id.len() <= MAX_REQUEST_ID_CHARS
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    brought.filter(usable).map_or_else(|| RandomIds.ordered().to_string(), str::to_owned)
}

/// Headers of every response; what a page has set already stays.
fn secure(headers: &mut HeaderMap, settings: &ApiSettings) {
    let mut set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CACHE_CONTROL, "no-store");
    if settings.https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
}

/// The status of an answer that has no body.
pub(crate) fn no_content() -> HttpResponse {
    HttpResponse::new(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_name_the_methods_that_http_knows_and_no_other() {
        for name in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            assert_eq!(method_label(&Method::from_bytes(name.as_bytes()).unwrap()), name);
        }
        for name in ["BREW", "get", "TRACE", "CONNECT", "A-METHOD-OF-A-STRANGER"] {
            assert_eq!(method_label(&Method::from_bytes(name.as_bytes()).unwrap()), "other");
        }
    }
}
