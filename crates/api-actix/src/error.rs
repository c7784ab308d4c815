//! Errors on the wire: `application/problem+json` on ours, OpenAI's shape on `/v1`.

use std::fmt;

use actix_web::{
    HttpResponse, ResponseError,
    error::PayloadError,
    http::{StatusCode, header},
};
use app::ErrorKind;
use domain::gateways::GatewayErrorKind;
use serde_json::{Value, json};

/// Codes of requests that name a model which is not there.
const UNKNOWN_MODEL: &[&str] = &["model_not_found", GatewayErrorKind::UnknownModel.code()];

/// What a handler returns.
pub(crate) type HandlerResult = Result<HttpResponse, ApiError>;

/// An error on its way out. [`crate::observe`] writes it in the words of the face that was called.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) error: app::Error,
    status: StatusCode,
    /// What the path knows, where it does not know the method.
    allow: Option<String>,
}

impl From<app::Error> for ApiError {
    fn from(error: app::Error) -> Self {
        let status = match error.kind {
            ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Gone => StatusCode::GONE,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorKind::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Upstream => StatusCode::BAD_GATEWAY,
            ErrorKind::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
            ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { error, status, allow: None }
    }
}

impl From<domain::error::ValueError> for ApiError {
    fn from(error: domain::error::ValueError) -> Self {
        app::Error::from(error).into()
    }
}

impl ApiError {
    /// An error that only HTTP knows.
    pub(crate) fn http(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let kind = if status.is_server_error() { ErrorKind::Internal } else { ErrorKind::Invalid };
        Self { error: app::Error::new(kind, code, message), status, allow: None }
    }

    pub(crate) fn malformed_json(error: &serde_json::Error) -> Self {
        let message = format!("the body is not JSON: {error}");
        Self::http(StatusCode::BAD_REQUEST, "malformed_json", message)
    }

    pub(crate) fn unsupported_content_type(wanted: &str) -> Self {
        let message = format!("send the body as '{wanted}' and say so in Content-Type");
        Self::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", message)
    }

    pub(crate) fn body_too_large(limit: u64) -> Self {
        let message = format!("the body must have at most {limit} bytes");
        Self::http(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }

    pub(crate) fn body_too_slow() -> Self {
        let message = "the body did not arrive in time; send the request again";
        Self::http(StatusCode::REQUEST_TIMEOUT, "body_too_slow", message)
    }

    pub(crate) fn body_broken(error: PayloadError) -> Self {
        let mut broken = Self::http(StatusCode::BAD_REQUEST, "body_broken", "the body is not complete; send it again");
        broken.error = broken.error.because(error.to_string());
        broken
    }

    /// The answer in the words of a face.
    pub(crate) fn render(&self, openai: bool, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(if openai { self.openai_status() } else { self.status });
        if let Some(wait) = self.error.retry_after {
            response.insert_header((header::RETRY_AFTER, wait.as_secs().max(1).to_string()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, allow.as_str()));
        }
        if openai {
            response.json(self.openai())
        } else {
            response.content_type("application/problem+json").body(self.problem(request_id).to_string())
        }
    }

    /// The status that the official SDKs expect: OpenAI knows no 422, and a model that is not there is a 404.
    fn openai_status(&self) -> StatusCode {
        match self.status {
            StatusCode::UNPROCESSABLE_ENTITY if UNKNOWN_MODEL.contains(&self.error.code) => StatusCode::NOT_FOUND,
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        }
    }

    /// RFC 9457.
    pub(crate) fn problem(&self, request_id: &str) -> Value {
        let error = &self.error;
        let errors: Vec<Value> = error
            .fields
            .iter()
            .map(|field| {
                let pointer = if field.field.is_empty() { String::new() } else { format!("/{}", field.field) };
                json!({ "pointer": pointer, "code": field.code, "detail": field.message })
            })
            .collect();
        let mut problem = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": error.message,
            "code": error.code,
            "request_id": request_id,
            "errors": errors,
        });
        if let (Some(Value::Object(details)), Some(problem)) = (&error.details, problem.as_object_mut()) {
            problem.extend(details.clone());
        }
        problem
    }

    /// OpenAI's shape; all four fields, as its SDKs expect.
    pub(crate) fn openai(&self) -> Value {
        let kind = match self.openai_status() {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        let param = self.error.fields.first().map(|field| field.field.clone());
        json!({ "error": { "message": self.error.message, "type": kind, "param": param, "code": self.error.code } })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.render(false, "")
    }
}

/// What answers a path that is not there.
pub(crate) async fn no_such_route() -> Result<HttpResponse, ApiError> {
    let message = "there is no such path; /api/docs lists what there is";
    Err(ApiError::http(StatusCode::NOT_FOUND, "no_such_route", message))
}

/// What answers a method that a path does not know.
pub(crate) async fn method_not_allowed(allowed: String) -> Result<HttpResponse, ApiError> {
    let message = format!("this path knows only {allowed}; /api/docs lists what there is");
    let error = ApiError::http(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    Err(ApiError { allow: Some(allowed), ..error })
}
