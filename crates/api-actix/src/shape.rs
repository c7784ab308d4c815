//! Bodies of requests and responses, each field once.

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
