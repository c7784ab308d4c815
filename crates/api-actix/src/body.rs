//! Bodies and paths: strict, bounded in bytes and time, with errors that name the place.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue},
    web::{Bytes, BytesMut, PathConfig},
};
use domain::error::ValueError;
use futures::StreamExt;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use crate::{Body, error::ApiError, objects::Objects, words};

/// A body that stands still for so long is given up.
const BODY_IDLE: Duration = Duration::from_secs(10);
/// A JSON body must be there whole after so long.
const BODY_TOTAL: Duration = Duration::from_secs(60);

/// Most bytes of large bodies that are on their way in at once, over all connections of the process. Beyond that they are
/// told to come back; small ones, such as those of sign-in, are let in whatever others send.
const MOST_IN_FLIGHT: usize = 256 * 1024 * 1024;
/// Most bytes of a body that is small.
const SMALL: usize = 64 * 1024;
/// Those that are.
static IN_FLIGHT: AtomicUsize = AtomicUsize::new(0);

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes of a body on its way in, among those of all.
#[derive(Default)]
struct InFlight(usize);

impl InFlight {
    /// Takes room for more.
    ///
    /// # Errors
    /// `busy` where all of them would be too many.
    fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        self.0 += bytes;
        if IN_FLIGHT.fetch_add(bytes, Ordering::Relaxed) + bytes > MOST_IN_FLIGHT {
            return Err(app::Error::busy("too much is being sent at once").into());
        }
        Ok(())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Bytes a second that a body must come with on the whole, once it had [`BODY_IDLE`] to begin.
const LEAST_BYTES_A_SECOND: u64 = 1024;

/// How fast a body comes in, by the time that its client was waited for.
#[derive(Default)]
pub(crate) struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    pub(crate) fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// When it does not come soon enough, be it this time or on the whole.
    pub(crate) async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, TooSlow> {
        let on_the_whole = BODY_IDLE + Duration::from_secs(self.bytes / LEAST_BYTES_A_SECOND);
        let begun = Instant::now();
        let came = timeout(on_the_whole.saturating_sub(self.waited).min(BODY_IDLE), next).await;
        self.waited += begun.elapsed();
        came.map_err(|_| TooSlow)
    }
}

/// A client did not send in time.
pub(crate) struct TooSlow;

impl From<TooSlow> for ApiError {
    fn from(TooSlow: TooSlow) -> Self {
        Self::body_too_slow()
    }
}

/// Refuses a body that is compressed: none is unpacked here.
///
/// # Errors
/// `unsupported_content_encoding`.
pub(crate) fn check_encoding(request: &HttpRequest) -> Result<(), ApiError> {
    let is_plain = |value: &HeaderValue| {
        let value = value.as_bytes().trim_ascii();
        value.is_empty() || value.eq_ignore_ascii_case(b"identity")
    };
    if request.headers().get_all(CONTENT_ENCODING).all(is_plain) {
        return Ok(());
    }
    Err(ApiError::unsupported_content_encoding())
}

/// Most bytes that the list of routes gives the body of this request: none, where its route reads none.
pub(crate) fn limit(request: &HttpRequest) -> usize {
    request.extensions().get::<Body>().map_or(0, |body| body.limit())
}

/// A JSON body with its bytes, over which repetitions are recognised.
#[derive(Debug)]
pub(crate) struct Json<T> {
    pub(crate) value: T,
    pub(crate) bytes: Bytes,
}

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(is_json);
        let refused = || ApiError::unsupported_content_type("application/json");
        let length = request.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let limit = limit(request);
        let encoded = check_encoding(request);
        let payload = payload.take();
        Box::pin(async move {
            encoded?;
            // What is not JSON is not read, unless there may be nothing to read.
            if !is_json && length.is_some_and(|length| length > 0) {
                return Err(refused());
            }
            let bytes = match read(payload, length, limit).await? {
                // No body says as much as an object without fields.
                empty if empty.trim_ascii().is_empty() => Bytes::from_static(b"{}"),
                bytes if is_json => bytes,
                _ => return Err(refused()),
            };
            Ok(Self { value: parse(&bytes)?, bytes })
        })
    }
}

/// Whether a content type is JSON, which is UTF-8 (RFC 8259); clients write that in many ways.
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split([';', ',']).map(str::trim);
    let essence = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let is_utf_8 = |part: &str| match part.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = charset.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
            matches!(charset.as_str(), "" | "utf-8" | "utf8" | "utf_8" | "us-ascii" | "ascii")
        }
        _ => true,
    };
    essence && parts.all(is_utf_8)
}

async fn read(mut payload: Payload, length: Option<usize>, limit: usize) -> Result<Bytes, ApiError> {
    if length.is_some_and(|length| length > limit) {
        return Err(ApiError::body_too_large(limit as u64));
    }
    let end = Instant::now() + BODY_TOTAL;
    let (mut body, mut in_flight, mut pace) = (BytesMut::new(), InFlight::default(), Pace::default());
    loop {
        match timeout_at(end, pace.wait(payload.next())).await.map_err(|_| TooSlow)?? {
            None => return Ok(body.freeze()),
            Some(Err(error)) => return Err(ApiError::body_broken(error)),
            Some(Ok(piece)) => {
                if body.len() + piece.len() > limit {
                    return Err(ApiError::body_too_large(limit as u64));
                }
                if limit > SMALL {
                    in_flight.grow(piece.len())?;
                }
                pace.came(piece.len());
                body.extend_from_slice(&piece);
            }
        }
    }
}

/// Reads JSON; what is wrong is told with its place as a JSON pointer. NUL is refused wherever it stands: no
/// database keeps it. The mark that some editors put before a text is no part of it (RFC 8259, 8.1).
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if may_hold_nul(bytes)
        && let Ok(value) = serde_json::from_slice::<Value>(bytes)
        && let Some(place) = place_of_nul(&value)
    {
        return Err(ValueError::new(place, "nul", "must not hold the character NUL (U+0000)").into());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Objects(&mut reader)).map_err(|error| {
        // Of a value that cannot be what is wanted the reader sometimes says that it is no JSON, and of what is cut off
        // that it is not wanted.
        match serde_json::from_slice::<IgnoredAny>(bytes) {
            Err(malformed) if malformed.is_eof() || !error.inner().is_data() => ApiError::malformed_json(&malformed),
            _ => words::refusal(error.path(), &error.inner().to_string()).into(),
        }
    })?;
    reader.end().map_err(|error| ApiError::malformed_json(&error))?;
    Ok(value)
}

/// Whether the escape of NUL stands in JSON, be it after a backslash that is escaped itself.
fn may_hold_nul(bytes: &[u8]) -> bool {
    bytes.windows(6).any(|escape| escape == b"\\u0000")
}

/// Where in a value the first text or name with NUL stands.
fn place_of_nul(value: &Value) -> Option<String> {
    let below = |name: &str, value| {
        let rest = place_of_nul(value)?;
        Some(if rest.is_empty() { name.to_owned() } else { format!("{name}/{rest}") })
    };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| below(&index.to_string(), item)),
        Value::Object(fields) if fields.keys().any(|name| name.contains('\0')) => Some(String::new()),
        Value::Object(fields) => fields.iter().find_map(|(name, item)| below(name, item)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A path parameter that does not parse names nothing: the same response as for what does not exist.
pub(crate) fn path_config() -> PathConfig {
    PathConfig::default().error_handler(|_, _| ApiError::from(app::Error::not_found("path", uuid::Uuid::nil())).into())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        _n: u8,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        _items: Vec<Inner>,
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_crawls_is_given_up() {
        let mut pace = Pace::default();
        let mut begun = Instant::now();
        // A byte every five seconds.
        while pace.wait(tokio::time::sleep(Duration::from_secs(5))).await.is_ok() {
            pace.came(1);
        }
        assert!((10..=16).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        // Fast enough, however long it takes, and whatever we do meanwhile.
        (pace, begun) = (Pace::default(), Instant::now());
        while begun.elapsed() < Duration::from_secs(600) {
            assert!(pace.wait(tokio::time::sleep(Duration::from_secs(5))).await.is_ok());
            pace.came(6 * 1024);
            tokio::time::sleep(Duration::from_secs(9)).await;
        }
        assert!(pace.wait(tokio::time::sleep(Duration::from_secs(11))).await.is_err());
    }

    #[test]
    fn the_place_of_an_error_is_a_pointer() {
        let error = parse::<Outer>(br#"{"_items":[{"_n":1},{"_n":"x"}]}"#).unwrap_err();
        assert_eq!(error.error.fields[0].field, "_items/1/_n");
        assert_eq!(parse::<Outer>(b"{").unwrap_err().error.code, "malformed_json");
        assert_eq!(parse::<Outer>(br#"{"_items":[]} x"#).unwrap_err().error.code, "malformed_json");
    }

    #[test]
    fn bodies_on_their_way_in_are_bounded_together() {
        let (mut first, mut second) = (InFlight::default(), InFlight::default());
        first.grow(MOST_IN_FLIGHT - 10).unwrap();
        assert_eq!(second.grow(11).unwrap_err().error.code, "busy");
        drop((first, second));
        InFlight::default().grow(MOST_IN_FLIGHT).unwrap();
    }

    #[test]
    fn a_struct_is_an_object() {
        let at = |json: &[u8]| parse::<Outer>(json).unwrap_err().error.fields[0].field.clone();
        assert_eq!(at(b"[[]]"), "");
        assert_eq!(at(br#"{"_items":[{"_n":1},[2]]}"#), "_items/1");
        assert!(parse::<Option<(u8, Inner)>>(br#"[1,{"_n":2}]"#).is_ok_and(|pair| pair.is_some()));
        assert!(parse::<Value>(br#"[{"a":[1.5,null,true,"x"]}]"#).is_ok());
    }

    #[test]
    fn nul_is_refused_where_it_stands() {
        let place = |json: &str| parse::<serde_json::Value>(json.as_bytes()).unwrap_err().error.fields[0].field.clone();
        assert_eq!(place(r#"{"a":[1,{"b":"x\u0000"}]}"#), "a/1/b");
        assert_eq!(place(r#"{"a":{"b\u0000":1}}"#), "a");
        assert_eq!(place(r#"["\u0000"]"#), "0");
        // A backslash and letters; the escape inside the text of an argument is text.
        let kept = parse::<serde_json::Value>(br#"{"a":"\\u0000"}"#).unwrap();
        assert_eq!(kept["a"], "\\u0000");
    }

    #[test]
    fn a_mark_before_the_text_is_no_part_of_it() {
        assert_eq!(parse::<u8>(b"\xef\xbb\xbf 7").unwrap(), 7);
        assert_eq!(parse::<u8>(b"\xef\xbb\xbf\xef\xbb\xbf7").unwrap_err().error.code, "malformed_json");
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = "[".repeat(1_000_000);
        assert!(parse::<serde_json::Value>(deep.as_bytes()).is_err());
    }

    #[tokio::test]
    async fn a_compressed_body_is_refused_by_its_header() {
        for (encoding, is_refused) in [("gzip", true), ("br", true), ("gzip, identity", true), ("Identity", false)] {
            let request = TestRequest::post()
                .insert_header(("content-type", "application/json"))
                .insert_header(("content-encoding", encoding));
            let read = Json::<Value>::from_request(&request.to_http_request(), &mut Payload::None).await;
            let code = read.err().map(|error| error.error.code);
            assert_eq!(code, is_refused.then_some("unsupported_content_encoding"), "{encoding}");
        }
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        for kind in [
            "application/json",
            "Application/JSON",
            "application/json;",
            "application/json; charset=UTF-8",
            "application/json; charset=utf8",
            "application/json;charset=\"utf-8\"",
            "application/json; Charset = utf-8 ; version=1",
            "application/json, application/json",
        ] {
            assert!(is_json(kind), "{kind}");
        }
        for kind in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
            "application/json; charset=utf-16",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_json(kind), "{kind}");
        }
    }
}
