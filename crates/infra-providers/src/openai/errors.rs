//! What a provider's failures are called, and what the user is told.

use std::{error::Error, fmt, time::Duration};

use chrono::DateTime;
use domain::gateways::{GatewayError, GatewayErrorKind};
use hyper::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{MAX_ERROR_BYTES, OpenAiConnection, complaint::Complaint, json, redact::redact};
use crate::egress::{EgressError, Response};

/// How providers say in a sentence that a prompt does not fit, where they have no code for it.
const TOO_LONG_FOR_CONTEXT: &[&str] = &[
    "context length",
    "context size",
    "context window",
    "input token count",
    "prompt is too long",
    "reduce the length of the messages",
];

/// How providers say that they will not answer because of what is asked.
const FILTERED: &[&str] = &["content_filter", "content management policy", "moderation", "flagged"];
/// What a refusal speaks of that is about the key, and not about what is asked.
const ABOUT_KEYS: &[&str] =
    &["api key", "api_key", "apikey", "token", "credential", "authenti", "authoriz", "forbidden"];

/// How providers say of a wrong key that the request is invalid.
const KEY_REFUSED: &[&str] = &["api_key_invalid", "api key not valid", "invalid api key", "invalid_api_key"];

/// What the provider itself said, without secrets; for the log.
#[derive(Debug)]
struct ProviderSaid {
    status: Option<StatusCode>,
    message: String,
    code: String,
    /// In JSON, as one who speaks the dialect.
    has_form: bool,
    /// As a web page: by what stands before the provider.
    is_page: bool,
    is_final: bool,
    complaint: Complaint,
}

impl fmt::Display for ProviderSaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = if self.message.is_empty() { "nothing" } else { &self.message };
        let status = self.status.map(|status| format!("status {}", status.as_u16()));
        let details = [Some(self.code.clone()).filter(|code| !code.is_empty()), status];
        let details: Vec<String> = details.into_iter().flatten().collect();
        write!(f, "the provider said: {said} ({})", details.join(", "))
    }
}

impl Error for ProviderSaid {}

/// Whether a failure that looks transient is none: no credit is left.
pub(super) fn is_final(error: &GatewayError) -> bool {
    error.source.as_ref().and_then(|source| source.downcast_ref::<ProviderSaid>()).is_some_and(|said| said.is_final)
}

/// What the provider complained about, where an error is its own.
pub(super) fn complaint(error: &GatewayError) -> Option<&Complaint> {
    Some(&error.source.as_ref()?.downcast_ref::<ProviderSaid>()?.complaint)
}

impl OpenAiConnection {
    pub(super) fn egress_error(&self, error: EgressError) -> GatewayError {
        use GatewayErrorKind as Kind;
        let (kind, message) = match &error {
            EgressError::Forbidden(_) => {
                (Kind::Forbidden, "has an address that may not be called; set it as a base URL in the settings")
            }
            EgressError::Unreachable(_) | EgressError::Setup(_) => {
                (Kind::Unreachable, "cannot be reached; check its base URL and that it runs")
            }
            EgressError::Proxy(_) => (
                Kind::Unreachable,
                "cannot be reached through its proxy; check the proxy's address, its login and what it lets through",
            ),
            EgressError::Certificate(_) => (
                Kind::Unreachable,
                "shows a certificate that is not trusted; set that of its authority as its ca_file, and call it by its name",
            ),
            EgressError::Timeout => {
                (Kind::Timeout, "did not answer in time; try again, or give it more in its deadlines")
            }
            EgressError::Broken(_) => (Kind::Interrupted, "broke off the connection; try again"),
            EgressError::Protocol(_) => (Kind::Protocol, "does not speak HTTP as it should; check its base URL"),
            EgressError::TooLarge { .. } => (Kind::Protocol, "sent more than an answer may hold"),
        };
        self.fail(kind, message).because(error)
    }

    /// The error of a response that is no success; one that is not `plain` tells no more than its status.
    pub(super) async fn status_error(&self, mut response: Response, is_plain: bool) -> GatewayError {
        let status = response.status();
        let retry_after = self.retry_after(response.headers());
        let mut body = Vec::new();
        // The body only explains: one that breaks or is too long is told as far as it came.
        while is_plain && let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() as u64 >= MAX_ERROR_BYTES {
                break;
            }
        }
        let text = String::from_utf8_lossy(&body);
        let is_page = text.trim_start().starts_with('<');
        let (json, has_form) = match json::read::<Value>(text.as_bytes()) {
            Ok(json) => (json, true),
            Err(_) if is_page => (Value::Null, false),
            Err(_) => (Value::from(text.trim()), false),
        };
        let mut error = self.said(Some(status), json, has_form, is_page);
        error.retry_after = retry_after;
        error
    }

    /// The error that stands in an answer.
    pub(super) fn stream_error(&self, body: &Value) -> GatewayError {
        self.said(None, body.clone(), true, false)
    }

    /// What the provider said, as an error.
    fn said(&self, status: Option<StatusCode>, mut body: Value, has_form: bool, is_page: bool) -> GatewayError {
        json::join_all(&mut body);
        let complaint = Complaint::read(&body);
        let mut codes = complaint.code.split(' ').filter_map(|code| StatusCode::from_bytes(code.as_bytes()).ok());
        let status = status.or_else(|| codes.find(|code| code.as_u16() >= 400));
        let key = self.key.as_ref().map_or("", |key| key.expose_secret());
        let host = self.base_url.host_str().unwrap_or_default();
        let said = ProviderSaid {
            status,
            message: redact(&complaint.message, &[key, host]),
            is_final: complaint.code.contains("insufficient_quota") || status == Some(StatusCode::PAYMENT_REQUIRED),
            code: redact(&complaint.code, &[key, host]),
            has_form,
            is_page,
            complaint,
        };
        let (kind, message) = self.classify(status, &said);
        GatewayError::new(kind, message).because(said)
    }

    fn classify(&self, status: Option<StatusCode>, said: &ProviderSaid) -> (GatewayErrorKind, String) {
        use GatewayErrorKind as Kind;
        let about = |sentence: &str| format!("the provider '{}' {sentence}", self.provider);
        let has = |part: &str| said.code.contains(part);
        let reason = if said.message.is_empty() { String::new() } else { format!(": {}", said.message) };
        let refused = || about(&format!("refused the request{reason}"));
        let refused_key = || (Kind::Unauthorized, about("refused the key; check it in the settings"));
        let asks_to_wait = || (Kind::RateLimited, about(&format!("asks to wait; try again later{reason}")));
        let no_path = || (Kind::Protocol, about("has no such path; check its base URL, which usually ends in /v1"));
        // What frameworks say of a path that they do not know: nothing, or this. LM Studio says it with a status of success.
        let is_no_path = (said.message.is_empty() && said.code.is_empty()) || said.message == "Not Found";
        if said.complaint.says(&["unexpected endpoint or method"]) {
            return no_path();
        }
        if said.is_final {
            return (Kind::RateLimited, about("has no credit left for this account; top it up"));
        }
        match status.map_or(0, |status| status.as_u16()) {
            400 | 403 if said.complaint.says(FILTERED) => (Kind::ContentFilter, refused()),
            400 if said.complaint.says(KEY_REFUSED) => refused_key(),
            403 if !said.message.is_empty() && !said.complaint.says(ABOUT_KEYS) => (Kind::InvalidRequest, refused()),
            407 => {
                (Kind::Unauthorized, about("is behind a proxy that asks for a login; set it in the proxy's address"))
            }
            413 if said.is_page => {
                (Kind::InvalidRequest, about("has something before it that takes no request so large"))
            }
            status @ 400..=499 if said.is_page && !matches!(status, 401 | 404 | 408 | 429) => (
                Kind::Protocol,
                about(&format!(
                    "answered by a web page of status {status}; check its base URL, and what stands before it"
                )),
            ),
            401 | 403 => refused_key(),
            404 if !said.has_form || is_no_path => no_path(),
            404 => (Kind::UnknownModel, about("knows no such model; choose one of its list")),
            _ if has("model_not_found") => (Kind::UnknownModel, about("knows no such model; choose one of its list")),
            408 => (Kind::Timeout, about("did not answer in time; try again")),
            // Larger than a minute may hold: no waiting helps.
            413 if has("rate_limit") => (Kind::InvalidRequest, refused()),
            429 => asks_to_wait(),
            _ if has("rate_limit") => asks_to_wait(),
            300..=399 => (Kind::Protocol, about("sends callers elsewhere; set the base URL that it redirects to")),
            _ if has("context_length") || has("context_size") => (Kind::ContextLength, refused()),
            0 | 400..=499 if said.complaint.says(TOO_LONG_FOR_CONTEXT) => (Kind::ContextLength, refused()),
            400..=499 => (Kind::InvalidRequest, refused()),
            _ if has("authentication") => refused_key(),
            _ if has("invalid_request") => (Kind::InvalidRequest, refused()),
            _ if said.has_form && !said.message.is_empty() => (Kind::Failed, about(&format!("failed{reason}"))),
            _ => (Kind::Failed, about("failed; try again later")),
        }
    }

    /// `retry-after-ms`, or `Retry-After` in seconds or as a date.
    fn retry_after(&self, headers: &HeaderMap) -> Option<Duration> {
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
        let number = |name: &str| text(name)?.parse::<f64>().ok();
        if let Some(seconds) = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after")) {
            return Duration::try_from_secs_f64(seconds).ok();
        }
        let date = DateTime::parse_from_rfc2822(text("retry-after")?).ok()?;
        Some((date.to_utc() - self.clock.now()).to_std().unwrap_or_default())
    }
}
