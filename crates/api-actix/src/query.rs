//! Queries: strict, with errors that name the parameter.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};

use crate::{error::ApiError, words};

/// The parameters of a request's query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let parameters = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(parameters)
        .map_err(|error| words::refusal(error.path(), &error.inner().to_string()).into())
}

/// A moment, as a date and time with its offset from UTC, or as a date, which is its first instant in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) DateTime<Utc>);

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Some(Self(date.and_time(NaiveTime::MIN).and_utc()));
        }
        // In a query that nobody has encoded a plus stands for a space.
        let is_offset = |(_, offset): &(&str, &str)| offset.len() >= 4 && offset.as_bytes().get(2) != Some(&b'-');
        let mended = text.rsplit_once(' ').filter(is_offset).map(|(time, offset)| format!("{time}+{offset}"));
        let parsed = text.parse().or_else(|error| mended.map_or(Err(error), |text| text.parse()));
        parsed.ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom("must be a date, such as 2026-11-26, or a date and time, such as 2026-11-26T09:30:00Z")
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::error::ValueError;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Parameters {
        limit: Option<u32>,
        tree: Option<bool>,
        parent_id: Option<Uuid>,
        from: Option<Moment>,
        needed: String,
    }

    #[test]
    fn what_is_wrong_is_told_of_its_parameter() {
        for (query, parameter, code, message) in [
            ("needed=a&limit=many", "limit", "wrong_value", "must be a whole number"),
            ("needed=a&limit=-1", "limit", "wrong_value", "must be a whole number"),
            ("needed=a&limit=", "limit", "wrong_value", "must be a whole number"),
            ("needed=a&limit=99999999999", "limit", "wrong_value", "must be a smaller number"),
            ("needed=a&tree=maybe", "tree", "wrong_value", "must be true or false"),
            (
                "needed=a&parent_id=x",
                "parent_id",
                "wrong_value",
                "must be a UUID, such as 0191e7a4-5f1c-7c4e-9d3b-2f6a8c0d1e2f",
            ),
            (
                "needed=a&from=yesterday",
                "from",
                "wrong_value",
                "must be a date, such as 2026-11-26, or a date and time, such as 2026-11-26T09:30:00Z",
            ),
            ("needed=a&limit=1&limit=2", "limit", "duplicate_field", "stands there twice; send it once"),
            ("limit=1", "needed", "missing", "is missing"),
        ] {
            let error = parse::<Parameters>(query).unwrap_err().error;
            let expected = ValueError::new(parameter, code, message);
            assert_eq!(error.fields, [expected], "{query}");
        }
        let error = parse::<Parameters>("needed=a&title=b").unwrap_err().error;
        assert_eq!((error.fields[0].field.as_str(), error.fields[0].code), ("title", "unknown_field"));
        assert!(parse::<Parameters>("needed=a%26b&limit=7&tree=true").is_ok());
    }

    #[test]
    fn a_date_is_its_first_instant() {
        let at = |text: &str| Moment::parse(text).map(|moment| moment.0.to_rfc3339());
        for (text, moment) in [
            ("2026-11-26", "2026-11-26T00:00:00+00:00"),
            ("2026-11-26T09:30:00Z", "2026-11-26T09:30:00+00:00"),
            ("2026-11-26T09:30:00.5+02:00", "2026-11-26T07:30:00.500+00:00"),
            ("2026-11-26T09:30:00 02:00", "2026-11-26T07:30:00+00:00"),
            ("2026-11-26 09:30:00Z", "2026-11-26T09:30:00+00:00"),
        ] {
            assert_eq!(at(text).as_deref(), Some(moment), "{text}");
        }
        for text in ["", "2026", "2026-13-01", "2026-11-26T09:30:00", "26.11.2026", "now"] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
