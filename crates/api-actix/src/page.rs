//! Keyset pages on the wire: `?limit=&cursor=` in, `{items, next_cursor}` and `Link` out.

use actix_web::{HttpRequest, HttpResponse, http::header};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::DateTime;
use domain::{
    error::ValueError,
    ids::MessageId,
    page::{Cursor, DEFAULT_PAGE_LIMIT, MAX_PAGE_LIMIT, Page, PageRequest},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    error::ApiError,
    openapi::values::{PageCursor, PageLimit},
};

/// Which page is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Most items of the page.
    #[param(value_type = Option<PageLimit>)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(value_type = Option<PageCursor>)]
    pub(crate) cursor: Option<String>,
}

impl PageQuery {
    /// The page in the order of creation.
    pub(crate) fn request(&self) -> Result<PageRequest, ApiError> {
        let cursor = self.cursor.as_deref().map(decode).transpose()?;
        Ok(PageRequest::new(Some(self.checked_limit()?), cursor))
    }

    /// The limit, in its bounds.
    pub(crate) fn checked_limit(&self) -> Result<u32, ApiError> {
        checked_limit(self.limit)
    }
}

/// A limit in its bounds.
pub(crate) fn checked_limit(limit: Option<u32>) -> Result<u32, ApiError> {
    let limit = limit.unwrap_or(DEFAULT_PAGE_LIMIT);
    if (1..=MAX_PAGE_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(ValueError::new("limit", "out_of_range", format!("must be 1 to {MAX_PAGE_LIMIT}")).into())
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageBody<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Names the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
}

impl<T> PageBody<T> {
    /// The items of a page, mapped.
    pub(crate) fn of<I>(page: Page<I>, map: impl Fn(I) -> T) -> Self {
        Self { next_cursor: page.next.map(encode), items: page.items.into_iter().map(map).collect() }
    }
}

impl<T: Serialize> PageBody<T> {
    /// The answer, with the next page as a `Link`.
    pub(crate) fn respond(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(cursor) = &self.next_cursor {
            response.insert_header((header::LINK, next_link(request, cursor)));
        }
        response.json(self)
    }
}

/// `<path?…&cursor=…>; rel="next"`, with the other parameters as they came.
pub(crate) fn next_link(request: &HttpRequest, cursor: &str) -> String {
    let kept = request.query_string().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let cursor = format!("cursor={cursor}");
    let query: Vec<&str> = kept.chain([cursor.as_str()]).collect();
    format!("<{}?{}>; rel=\"next\"", request.path(), query.join("&"))
}

fn encode(cursor: Cursor) -> String {
    let mut bytes = cursor.at.timestamp_micros().to_be_bytes().to_vec();
    bytes.extend_from_slice(cursor.id.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Microseconds since 1970 from which on no cursor is: in the year 2112, long before databases run out of years. The first
/// twelve bits of a cursor are therefore zero.
const END_OF_CURSORS: i64 = 1 << 52;

fn decode(text: &str) -> Result<Cursor, ApiError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| not_a_cursor())?;
    let (at, id) = bytes.split_first_chunk::<8>().ok_or_else(not_a_cursor)?;
    let micros = Some(i64::from_be_bytes(*at)).filter(|micros| (0..END_OF_CURSORS).contains(micros));
    let at = micros.and_then(DateTime::from_timestamp_micros).ok_or_else(not_a_cursor)?;
    let id = Uuid::from_slice(id).map_err(|_| not_a_cursor())?;
    Ok(Cursor { at, id })
}

/// A cursor that names a message, as pages of the branch have it.
pub(crate) fn decode_message(text: &str) -> Result<MessageId, ApiError> {
    match (Uuid::try_parse(text), place(text)) {
        (Ok(id), _) => Ok(MessageId(id)),
        (_, Some(_)) => Err(of_the_other_list()),
        _ => Err(not_a_cursor()),
    }
}

/// A cursor that names a place by number, as pages of the tree have it.
pub(crate) fn decode_number(text: &str) -> Result<i64, ApiError> {
    match (place(text), Uuid::try_parse(text)) {
        (Some(place), _) => Ok(place),
        (_, Ok(_)) => Err(of_the_other_list()),
        _ => Err(not_a_cursor()),
    }
}

fn place(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number >= 0)
}

/// Well formed, and it leads nowhere here.
fn of_the_other_list() -> ApiError {
    app::Error::not_found("cursor", Uuid::nil()).into()
}

fn not_a_cursor() -> ApiError {
    ValueError::new("cursor", "not_a_cursor", "must be the next_cursor of a page before").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was() {
        let at = DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap();
        let cursor = Cursor { at, id: Uuid::from_u128(7) };
        assert_eq!(decode(&encode(cursor)).unwrap(), cursor);
        let late = DateTime::from_timestamp_micros(END_OF_CURSORS).unwrap();
        assert!(decode(&encode(Cursor { at: late, ..cursor })).is_err());
        for text in ["", "x", "AAAA", &"A".repeat(100), "é", &"_".repeat(32)] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cursor_of_the_tree_leads_nowhere_on_the_branch() {
        let uuid = Uuid::from_u128(7).to_string();
        assert_eq!(decode_message(&uuid).unwrap().0, Uuid::from_u128(7));
        assert_eq!(decode_number("7").unwrap(), 7);
        let code = |error: ApiError| error.error.code;
        assert_eq!(
            (code(decode_message("7").unwrap_err()), code(decode_number(&uuid).unwrap_err())),
            ("not_found", "not_found")
        );
        for text in ["", "-1", "x", "7.5"] {
            assert_eq!(code(decode_message(text).unwrap_err()), "invalid");
            assert_eq!(code(decode_number(text).unwrap_err()), "invalid");
        }
    }
}
