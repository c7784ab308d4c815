//! Values between rows and the domain.

use std::net::IpAddr;

use domain::{error::ValueError, store::StoreError};
use serde::{Serialize, de::DeserializeOwned};

/// A stored value that the domain must be able to read.
pub(crate) fn stored<T>(parsed: Result<T, ValueError>) -> Result<T, StoreError> {
    parsed.map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// A stored number in the domain's type (a count that is never negative, a narrower integer).
pub(crate) fn number<F, T: TryFrom<F>>(value: F) -> Result<T, StoreError>
where
    T::Error: std::fmt::Display,
{
    T::try_from(value).map_err(|error| StoreError::Corrupt(format!("a stored number is out of range: {error}")))
}

/// A number of the domain in the column's type.
pub(crate) fn column<F, T: TryFrom<F>>(value: F) -> Result<T, StoreError>
where
    T::Error: std::fmt::Display,
{
    T::try_from(value).map_err(|error| StoreError::Check(format!("a number does not fit its column: {error}")))
}

/// A stored address of a client.
pub(crate) fn address(value: String) -> Result<IpAddr, StoreError> {
    value.parse().map_err(|_| StoreError::Corrupt("an IP address cannot be read".to_owned()))
}

/// A stored JSON value in the domain's type.
pub(crate) fn from_json<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|error| StoreError::Corrupt(format!("stored JSON cannot be read: {error}")))
}

/// A value of the domain as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::Backend(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_errors_and_not_other_numbers() {
        assert!(matches!(number::<i64, u64>(-1), Err(StoreError::Corrupt(_))));
        assert!(matches!(column::<u64, i64>(u64::MAX), Err(StoreError::Check(_))));
        assert_eq!(number::<i64, u64>(7).unwrap(), 7);
    }

    #[test]
    fn addresses_are_read_back() {
        assert_eq!(address("::1".to_owned()).unwrap(), "::1".parse::<IpAddr>().unwrap());
        assert!(matches!(address("here".to_owned()), Err(StoreError::Corrupt(_))));
    }
}
