//! `Idempotency-Key`: what makes a request this one, and how its answer is kept.

use std::sync::Arc;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{StatusCode, header},
};
use app::{Idempotent, Outcome};
use domain::admin::KeptAnswer;
use domain::error::ValueError;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use crate::error::ApiError;

/// What makes a request one that may be repeated.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header in the OpenAPI document")]
pub(crate) struct Repeatable {
    /// one of your own, of 1 to 255 visible ASCII characters; the same request under it does nothing again within 24
    /// hours, and gets the same answer.
    #[param(rename = "Idempotency-Key")]
    idempotency_key: Option<String>,
}

/// What a request takes for the present head.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes a header in the OpenAPI document")]
pub(crate) struct Expecting {
    /// the `head_version` that it was made for, in double quotes; the request is refused where the head has moved since.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

/// How the value of an effect looks on the wire.
pub(crate) type Respond<T, B> = fn(&T) -> B;

/// The request as one that may be repeated, if it names a key.
pub(crate) fn idempotent<T: 'static, B: Serialize + 'static>(
    request: &HttpRequest,
    body: &[u8],
    status: StatusCode,
    respond: Respond<T, B>,
) -> Result<Option<Idempotent<T>>, ApiError> {
    let mut keys = request.headers().get_all("idempotency-key");
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.to_str().ok().filter(|_| keys.next().is_none());
    let key = key.ok_or_else(|| ValueError::new("Idempotency-Key", "not_a_key", "must be sent once, in ASCII"))?;
    let mut hasher = Sha256::new();
    for part in [request.method().as_str().as_bytes(), request.path().as_bytes(), body] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let fingerprint = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let render = Arc::new(move |value: &T| KeptAnswer { status: status.as_u16(), body: to_json(&respond(value)) });
    Ok(Some(Idempotent::new(key, fingerprint, render)?))
}

/// The answer to an effect that was done now or before.
pub(crate) fn respond<T, B: Serialize>(
    outcome: &Outcome<T>,
    status: StatusCode,
    respond: Respond<T, B>,
) -> HttpResponse {
    match outcome {
        Outcome::Done(value) => {
            HttpResponse::build(status).content_type("application/json").body(to_json(&respond(value)))
        }
        Outcome::Replayed(kept) => replay(kept),
    }
}

/// An answer that was kept.
pub(crate) fn replay(kept: &KeptAnswer) -> HttpResponse {
    let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status)
        .content_type("application/json")
        .insert_header((header::HeaderName::from_static("idempotent-replayed"), "true"))
        .body(kept.body.clone())
}

/// JSON bytes of one of our own shapes, which always have some.
pub(crate) fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_else(|error| {
        tracing::error!(error = ?error, "an answer could not be written");
        b"{}".to_vec()
    })
}

/// The number in `If-Match: "<head_version>"`.
pub(crate) fn expected_head(request: &HttpRequest) -> Result<Option<i64>, ApiError> {
    let Some(value) = request.headers().get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(|text| text.parse().ok());
    let message = "must be the head_version in double quotes, such as \"3\"";
    number.map(Some).ok_or_else(|| ValueError::new("If-Match", "not_a_version", message).into())
}
