//! Errors on the wire: `application/problem+json` on ours, OpenAI's shape on `/v1`.

use std::fmt;

use actix_web::{
    HttpRequest, HttpResponse, ResponseError,
    error::PayloadError,
    http::{StatusCode, header},
};
use app::ErrorKind;
use domain::gateways::GatewayErrorKind;
use serde_json::{Value, json};

use crate::v1::{self, ErrorObject, ErrorResponse};

/// OpenAI's code of a request that names a model which is not there.
const MODEL_NOT_FOUND: &str = "model_not_found";
/// All codes of such requests.
const UNKNOWN_MODEL: &[&str] = &[MODEL_NOT_FOUND, GatewayErrorKind::UnknownModel.code()];

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
        let message = format!("send the body as '{wanted}', with the header 'Content-Type: {wanted}'");
        Self::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_type", message)
    }

    pub(crate) fn unsupported_content_encoding() -> Self {
        let message = "the body must come uncompressed; send it as it is, without the header 'Content-Encoding'";
        Self::http(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_content_encoding", message)
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
            StatusCode::UNPROCESSABLE_ENTITY if self.is_about_unknown_model() => StatusCode::NOT_FOUND,
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        }
    }

    fn is_about_unknown_model(&self) -> bool {
        let codes = self.error.fields.iter().map(|field| field.code).chain([self.error.code]);
        codes.into_iter().any(|code| UNKNOWN_MODEL.contains(&code))
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

    /// OpenAI's shape; all four fields, as its SDKs expect. Of a value that breaks a rule the code is that of the rule.
    pub(crate) fn openai(&self) -> ErrorResponse {
        let kind = match self.openai_status() {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_client_error() => "invalid_request_error",
            _ => "server_error",
        };
        let field = self.error.fields.first();
        let param = field.map(|field| bracketed(&field.field)).filter(|param| !param.is_empty());
        // Under the one name that clients look for, whoever does not know the model.
        if self.is_about_unknown_model() {
            let (message, param) = (self.error.message.clone(), Some("model".to_owned()));
            return ErrorResponse { error: ErrorObject { message, kind, param, code: MODEL_NOT_FOUND } };
        }
        let (message, code) = match field.filter(|_| self.error.code == "invalid") {
            None => (self.error.message.clone(), self.error.code),
            Some(field) => match &param {
                None => (field.message.clone(), field.code),
                Some(param) => (format!("{param} {}", field.message), field.code),
            },
        };
        ErrorResponse { error: ErrorObject { message, kind, param, code } }
    }
}

/// The place of a field as OpenAI writes it: `messages[1].role` for `messages/1/role`.
fn bracketed(pointer: &str) -> String {
    let mut place = String::with_capacity(pointer.len() + 1);
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            place.push_str(&format!("[{part}]"));
        } else {
            place.push_str(if place.is_empty() { "" } else { "." });
            place.push_str(part);
        }
    }
    place
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
pub(crate) async fn no_such_route(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let message = "there is no such path; /api/docs lists what there is";
    let elsewhere = || ApiError::http(StatusCode::NOT_FOUND, "no_such_route", message);
    Err(v1::not_here(request.path()).unwrap_or_else(elsewhere))
}

/// What answers a method that a path does not know.
pub(crate) async fn method_not_allowed(allowed: String) -> Result<HttpResponse, ApiError> {
    let message = format!("this path knows only {allowed}; /api/docs lists what there is");
    let error = ApiError::http(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message);
    Err(ApiError { allow: Some(allowed), ..error })
}

#[cfg(test)]
mod tests {
    use domain::error::ValueError;

    use super::*;

    #[test]
    fn places_are_written_as_openai_does() {
        for (pointer, place) in [
            ("model", "model"),
            ("messages/1/role", "messages[1].role"),
            ("messages/0/tool_calls/12/function/name", "messages[0].tool_calls[12].function.name"),
            ("", ""),
        ] {
            assert_eq!(bracketed(pointer), place);
        }
    }

    #[test]
    fn openai_gets_the_code_of_the_rule_that_is_broken() {
        let told = |error: ApiError| json!(error.openai().error);
        let of_field = told(ValueError::new("messages/1/role", "missing", "is missing").into());
        assert_eq!(of_field["message"], "messages[1].role is missing");
        assert_eq!((&of_field["param"], &of_field["code"]), (&json!("messages[1].role"), &json!("missing")));
        let of_body = told(ValueError::new("", "wrong_type", "the body must be an object, and is a list").into());
        assert_eq!(of_body["message"], "the body must be an object, and is a list");
        assert_eq!((&of_body["param"], &of_body["code"]), (&Value::Null, &json!("wrong_type")));
        let of_none = told(app::Error::unauthenticated().into());
        assert_eq!((&of_none["param"], &of_none["code"]), (&Value::Null, &json!("unauthenticated")));
    }
}
