//! Between rows and entities: how each kind of value stands in a column, said once.

use std::net::IpAddr;

use domain::{
    access::PermissionSet,
    admin::JobState,
    clock::Timestamp,
    conversations::{MessageRole, MessageStatus, Origin, Parts, StreamState, Visibility},
    gateways::BlobKey,
    identity::{Email, TokenHash, Username},
    knowledge::{ChunkingSettings, CollectionVisibility, ProcessingStatus},
    money::{Money, PicoUsdPerToken},
    store::StoreError,
    tenancy::Slug,
    usage::{AgentType, TokenUsage},
};
use sea_orm::prelude::{Json, Uuid};

use crate::{
    identity::permissions,
    values::{address, column, from_json, number, stored, to_json},
};

/// A value of the domain that is kept in a column of type `C`.
pub(crate) trait Stored<C>: Sized {
    /// As the column keeps it.
    ///
    /// # Errors
    /// [`StoreError::Check`] for what does not fit.
    fn to_column(&self) -> Result<C, StoreError>;

    /// From what the column holds.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for what the domain does not know.
    fn from_column(column: C) -> Result<Self, StoreError>;
}

impl<T: Stored<C>, C> Stored<Option<C>> for Option<T> {
    fn to_column(&self) -> Result<Option<C>, StoreError> {
        self.as_ref().map(T::to_column).transpose()
    }

    fn from_column(column: Option<C>) -> Result<Self, StoreError> {
        column.map(T::from_column).transpose()
    }
}

/// Ids, and plain UUIDs.
impl<T: Copy + From<Uuid> + Into<Uuid>> Stored<Uuid> for T {
    fn to_column(&self) -> Result<Uuid, StoreError> {
        Ok((*self).into())
    }

    fn from_column(column: Uuid) -> Result<Self, StoreError> {
        Ok(column.into())
    }
}

/// Implements [`Stored`] for types that go to and from a column in one way.
macro_rules! stored_as {
    ($($type:ty),+ => $column:ty: $to:expr, $from:expr) => {$(
        impl Stored<$column> for $type {
            fn to_column(&self) -> Result<$column, StoreError> {
                let to: fn(&$type) -> Result<$column, StoreError> = $to;
                to(self)
            }

            fn from_column(column: $column) -> Result<Self, StoreError> {
                let from: fn($column) -> Result<$type, StoreError> = $from;
                from(column)
            }
        }
    )+};
}

macro_rules! stored_as_it_is {
    ($($type:ty),+) => {$(stored_as!($type => $type: |value| Ok(value.clone()), Ok);)+};
}

/// Implements [`Stored`] for types with `as_str` and `parse`, among them every enumeration of `names!`.
macro_rules! stored_as_text {
    ($($type:ty),+) => {$(
        impl $crate::mapping::Stored<String> for $type {
            fn to_column(&self) -> Result<String, domain::store::StoreError> {
                Ok(self.as_str().to_owned())
            }

            fn from_column(column: String) -> Result<Self, domain::store::StoreError> {
                $crate::values::stored(Self::parse(&column))
            }
        }
    )+};
}
pub(crate) use stored_as_text;

macro_rules! stored_as_json {
    ($($type:ty),+) => {$(stored_as!($type => Json: |value| to_json(value), from_json);)+};
}

stored_as_it_is!(String, bool, i32, i64, f64, Timestamp, Json, Vec<u8>);
stored_as!(u64, u32 => i64: |value| column(*value), number);
stored_as!(Money => i64: |value| Ok(value.0), |value| Ok(Money(value)));
stored_as!(PicoUsdPerToken => i64: |value| Ok(value.0), |value| Ok(PicoUsdPerToken(value)));
stored_as!(u16 => i32: |value| Ok(i32::from(*value)), number);
stored_as!(Parts => Json: |parts| Ok(parts.to_stored()), |json| stored(Parts::from_stored(json)));
stored_as!(IpAddr => String: |value| Ok(value.to_string()), address);
stored_as!(Email => String: |email| Ok(email.as_str().to_owned()), |stored| Ok(Email::from_stored(stored)));
stored_as!(Username => String: |name| Ok(name.as_str().to_owned()), |stored| Ok(Username::from_stored(stored)));
stored_as_text!(
    AgentType,
    BlobKey,
    CollectionVisibility,
    JobState,
    MessageRole,
    MessageStatus,
    Origin,
    ProcessingStatus,
    Slug,
    StreamState,
    TokenHash,
    Visibility
);
stored_as!(PermissionSet => Json: |value| to_json(value), permissions::known);
stored_as_json!(ChunkingSettings, TokenUsage, Vec<Json>, Vec<String>);

/// Makes a row's `Model` and an entity out of each other: the one list of their fields beside the two
/// types. A column of another name stands behind its field (`start: start_offset`). What is not one
/// field and one column follows for each way: `row |entity| { column: expression }` and
/// `entity |row| { field: expression }`. Both ways are struct literals without `..`, so that the compiler
/// sees what is missing.
macro_rules! mapping {
    ($entity:ty { $($fields:tt)+ } $(, row |$from:ident| { $($column:ident: $value:expr),+ $(,)? })?
        $(, entity |$row:ident| { $($field:ident: $read:expr),+ $(,)? })?) => {
        $crate::mapping::mapping!(into $entity { $($fields)+ } $(, row |$from| { $($column: $value),+ })?);

        impl TryFrom<Model> for $entity {
            type Error = domain::store::StoreError;

            fn try_from(model: Model) -> Result<Self, Self::Error> {
                $crate::mapping::mapping!(@entity model $(as $row)?, { $($($field: $read,)+)? } $($fields)+,)
            }
        }
    };
    (into $entity:ty { $($fields:tt)+ } $(, row |$from:ident| { $($column:ident: $value:expr),+ $(,)? })?) => {
        impl TryFrom<&$entity> for Model {
            type Error = domain::store::StoreError;

            fn try_from(entity: &$entity) -> Result<Self, Self::Error> {
                $crate::mapping::mapping!(@row entity $(as $from)?, { $($($column: $value,)+)? } $($fields)+,)
            }
        }
    };
    (@row $e:ident $(as $name:ident)?, { $($done:tt)* } $(,)?) => {{
        $(let $name = $e;)?
        Ok(Self { $($done)* })
    }};
    (@row $e:ident $(as $name:ident)?, { $($done:tt)* } $field:ident: $column:ident, $($rest:tt)*) => {
        $crate::mapping::mapping!(@row $e $(as $name)?,
            { $($done)* $column: $crate::mapping::Stored::to_column(&$e.$field)?, } $($rest)*)
    };
    (@row $e:ident $(as $name:ident)?, { $($done:tt)* } $field:ident, $($rest:tt)*) => {
        $crate::mapping::mapping!(@row $e $(as $name)?,
            { $($done)* $field: $crate::mapping::Stored::to_column(&$e.$field)?, } $($rest)*)
    };
    (@entity $m:ident $(as $name:ident)?, { $($done:tt)* } $(,)?) => {{
        $(let $name = $m;)?
        Ok(Self { $($done)* })
    }};
    (@entity $m:ident as $name:ident, { $($done:tt)* } $field:ident: $column:ident, $($rest:tt)*) => {
        $crate::mapping::mapping!(@entity $m as $name,
            { $($done)* $field: $crate::mapping::Stored::from_column($name.$column)?, } $($rest)*)
    };
    (@entity $m:ident as $name:ident, { $($done:tt)* } $field:ident, $($rest:tt)*) => {
        $crate::mapping::mapping!(@entity $m as $name,
            { $($done)* $field: $crate::mapping::Stored::from_column($name.$field)?, } $($rest)*)
    };
    (@entity $m:ident, { $($done:tt)* } $field:ident: $column:ident, $($rest:tt)*) => {
        $crate::mapping::mapping!(@entity $m,
            { $($done)* $field: $crate::mapping::Stored::from_column($m.$column)?, } $($rest)*)
    };
    (@entity $m:ident, { $($done:tt)* } $field:ident, $($rest:tt)*) => {
        $crate::mapping::mapping!(@entity $m,
            { $($done)* $field: $crate::mapping::Stored::from_column($m.$field)?, } $($rest)*)
    };
}
pub(crate) use mapping;
