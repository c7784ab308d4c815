//! Bodies of requests and responses, each field once.

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected},
};
use serde_json::Number;

/// Declares the body of a response, with how each field follows from the value that is told.
macro_rules! response {
    ($(#[$meta:meta])* $name:ident of $from:ident: $type:ty {
        $($(#[$of_field:meta])* $field:ident: $field_type:ty = $value:expr),+ $(,)?
    }) => {
        #[derive(Debug, serde::Serialize, utoipa::ToSchema)]
        $(#[$meta])*
        pub(crate) struct $name {
            $($(#[$of_field])* $field: $field_type),+
        }

        impl From<$type> for $name {
            fn from($from: $type) -> Self {
                Self { $($field: $value),+ }
            }
        }
    };
}
pub(crate) use response;

/// Declares the body of a request with the fields of what the use case takes. No other field is let in.
macro_rules! request {
    ($(#[$meta:meta])* $name:ident for $into:ident { $($(#[$of_field:meta])* $field:ident: $type:ty),+ $(,)? }) => {
        #[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$meta])*
        pub(crate) struct $name {
            $($(#[$of_field])* $field: $type),+
        }

        impl From<$name> for $into {
            fn from($name { $($field),+ }: $name) -> Self {
                Self { $($field),+ }
            }
        }
    };
}
pub(crate) use request;

/// A number that may be left out. JSON knows no whole numbers: `8.0` is one, and some clients write it so.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    let float = number.as_f64().filter(|float| float.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(float));
    let wrong = || D::Error::invalid_value(Unexpected::Other("a number"), &"u32");
    float.map(|float| Some(float as u32)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::whole;

    #[derive(Debug, Deserialize)]
    struct Asked {
        #[serde(default, deserialize_with = "whole")]
        limit: Option<u32>,
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let limit = |json: &str| serde_json::from_str::<Asked>(json).map(|asked| asked.limit);
        for (json, expected) in [
            ("{}", None),
            (r#"{"limit":null}"#, None),
            (r#"{"limit":8}"#, Some(8)),
            (r#"{"limit":8.0}"#, Some(8)),
            (r#"{"limit":4294967295}"#, Some(u32::MAX)),
        ] {
            assert_eq!(limit(json).unwrap(), expected, "{json}");
        }
        for json in [
            r#"{"limit":8.5}"#,
            r#"{"limit":-1}"#,
            r#"{"limit":4294967296}"#,
            r#"{"limit":1e300}"#,
            r#"{"limit":"8"}"#,
            r#"{"limit":[8]}"#,
        ] {
            assert!(limit(json).is_err(), "{json}");
        }
    }
}
