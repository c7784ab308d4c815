//! What goes wrong in OpenAI's dialect, and which paths are meant to be in it.

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{error::ApiError, routes::ROUTES};

/// Where the dialect stands.
const BASE: &str = "/v1";

/// An error in OpenAI's shape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub(crate) struct ErrorResponse {
    pub(crate) error: ErrorObject,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ErrorObject {
    /// A sentence that says what to do.
    pub(crate) message: String,
    /// `invalid_request_error`, `authentication_error`, `permission_error`, `not_found_error`, `rate_limit_error` or
    /// `server_error`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The field that is wrong, such as `messages[1].role`.
    #[schema(required)]
    pub(crate) param: Option<String>,
    /// A stable code in snake case.
    pub(crate) code: &'static str,
}

/// The path of the dialect, without [`BASE`], that ends this one, or that a name follows in it.
fn tail(path: &str) -> Option<&'static str> {
    let path = path.trim_end_matches('/');
    let mut paths = ROUTES.iter().filter_map(|route| route.path.strip_prefix(BASE));
    paths.find_map(|known| match known.split_once('{') {
        None => path.ends_with(known).then_some(known),
        Some((before, _)) => path.contains(before).then(|| before.trim_end_matches('/')),
    })
}

/// Whether who asks for a path (below what we are mounted at) speaks this dialect, be there such a path or not.
pub(crate) fn is_meant(path: &str) -> bool {
    path.strip_prefix(BASE).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || (!path.starts_with("/api/") && tail(path).is_some())
}

/// What answers a path that is not there, where its end is one of this dialect: the base URL is wrong.
pub(crate) fn not_here(path: &str) -> Option<ApiError> {
    let right = format!("{BASE}{}", tail(path)?);
    let message =
        format!("there is no such path, but {right}: set the base URL of your client to end in '{BASE}', once");
    Some(ApiError::http(StatusCode::NOT_FOUND, "no_such_route", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_a_wrong_base_leads_to_the_right_one() {
        for (path, right) in [
            ("/chat/completions", "/v1/chat/completions"),
            ("/v1/v1/chat/completions", "/v1/chat/completions"),
            ("/models", "/v1/models"),
            ("/models/", "/v1/models"),
            ("/openai/embeddings", "/v1/embeddings"),
            ("/completions", "/v1/completions"),
            ("/models/openai/gpt-4.1-mini", "/v1/models"),
            ("/openai/v1/models/gpt", "/v1/models"),
        ] {
            assert!(is_meant(path), "{path}");
            let error = not_here(path).unwrap();
            assert!(error.error.message.contains(&format!("but {right}:")), "{path}: {}", error.error.message);
        }
        for path in ["/", "/api/nowhere", "/v1beta/x", "/remodels", "/livez"] {
            assert!(!is_meant(path) && not_here(path).is_none(), "{path}");
        }
        assert!(is_meant("/v1") && is_meant("/v1/responses") && not_here("/v1/responses").is_none());
        assert!(!is_meant("/api/v1/chat/completions") && not_here("/api/v1/chat/completions").is_some());
    }
}
