//! Enumerations with names: what they are called in storage, on the wire and in code, from one list.

use crate::error::ValueError;

/// Declares an enumeration together with its names, which stand nowhere else.
///
/// Of the form `pub enum Colour ("colour") { Red = "red", … }` are made the enumeration with the
/// usual derives, `ALL`, `as_str`, `parse`, [`Display`](std::fmt::Display),
/// [`FromStr`](std::str::FromStr) and both directions of serde. The text in parentheses is the field
/// of the error for an unknown name; its code is `unknown_` and the field.
///
/// The name ends a variant's documentation; where it says all, there need be no other.
///
/// The second form, `pub enum Event { Begun = "begun" { at: u32 }, … }`, is for enumerations with
/// fields, which serde tags by the name (`#[serde(tag = "…")]`); it makes `name`.
macro_rules! names {
    ($(#[$meta:meta])* $vis:vis enum $enum:ident ($field:literal) {
        $($(#[$of_variant:meta])* $variant:ident = $name:literal),+ $(,)?
    }) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        $vis enum $enum {
            $($(#[$of_variant])* #[doc = concat!("\n`", $name, "`")] #[serde(rename = $name)] $variant),+
        }

        impl $enum {
            /// All of them, in the order of their declaration.
            $vis const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The stable name.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }

            /// Parses the stable name.
            ///
            /// # Errors
            #[doc = concat!("`unknown_", $field, "` for the field `", $field, "`.")]
            $vis fn parse(name: &str) -> Result<Self, $crate::error::ValueError> {
                Self::parse_among(&Self::ALL, name)
            }

            /// Parses the stable name of one of `allowed`.
            ///
            /// # Errors
            #[doc = concat!("`unknown_", $field, "` for the field `", $field, "`.")]
            $vis fn parse_among(allowed: &[Self], name: &str) -> Result<Self, $crate::error::ValueError> {
                let found = allowed.iter().copied().find(|value| value.as_str() == name);
                found.ok_or_else(|| {
                    let allowed = allowed.iter().map(|value| value.as_str());
                    $crate::names::unknown($field, concat!("unknown_", $field), allowed)
                })
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $enum {
            type Err = $crate::error::ValueError;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Self::parse(name)
            }
        }
    };
    ($(#[$meta:meta])* $vis:vis enum $enum:ident {
        $($(#[$of_variant:meta])* $variant:ident = $name:literal { $($fields:tt)* }),+ $(,)?
    }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        $(#[$meta])*
        $vis enum $enum {
            $($(#[$of_variant])* #[serde(rename = $name)] $variant { $($fields)* }),+
        }

        impl $enum {
            /// The stable name of the variant, as in the stored JSON.
            #[must_use]
            $vis const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name),+
                }
            }
        }
    };
}
pub(crate) use names;

/// The error for a name that is none of `allowed`.
pub(crate) fn unknown(
    field: &'static str,
    code: &'static str,
    allowed: impl Iterator<Item = &'static str>,
) -> ValueError {
    ValueError::new(field, code, format!("must be one of {}", allowed.collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests;
