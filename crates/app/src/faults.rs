//! What is wrong with the values of one request, told together.

use domain::error::ValueError;

use crate::{Error, Result};

/// The faults of several values.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<ValueError>);

impl Faults {
    /// The value, or `None` where it has a fault.
    pub(crate) fn take<T>(&mut self, value: Result<T, ValueError>) -> Option<T> {
        value.map_err(|fault| self.0.push(fault)).ok()
    }

    /// All of them as one error.
    ///
    /// # Errors
    /// `invalid` where there is a fault.
    pub(crate) fn told(self) -> Result<()> {
        let mut faults = self.0.into_iter().map(Error::from);
        let Some(first) = faults.next() else { return Ok(()) };
        Err(faults.fold(first, |mut all, more| {
            all.message = format!("{}; {}", all.message, more.message);
            all.fields.extend(more.fields);
            all
        }))
    }
}

/// What is there, where [`Faults::told`] found no fault.
///
/// # Errors
/// Our own mistake.
pub(crate) fn there<T>(value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::internal("a value without a fault is there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let mut faults = Faults::default();
        assert_eq!(faults.take(Ok(7)), Some(7));
        assert!(Faults::default().told().is_ok());
        let wrong = |field: &str| Err::<(), _>(ValueError::new(field, "blank", "must not be blank"));
        for field in ["email", "username"] {
            assert_eq!(faults.take(wrong(field)), None);
        }
        let error = faults.told().unwrap_err();
        assert_eq!((error.kind, error.code, error.fields.len()), (ErrorKind::Invalid, "invalid", 2));
        assert_eq!(error.message, "email must not be blank; username must not be blank");
    }
}
