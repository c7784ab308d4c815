//! Lists in bodies, with their bound.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// A list of at most `MOST` items: one more ends the reading of the body.
#[derive(Debug, Clone, Default)]
pub(crate) struct AtMost<const MOST: usize, T>(pub(crate) Vec<T>);

impl<const MOST: usize, T> IntoIterator for AtMost<MOST, T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, const MOST: usize, T: Deserialize<'de>> Deserialize<'de> for AtMost<MOST, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

struct Items<const MOST: usize, T>(PhantomData<T>);

impl<'de, const MOST: usize, T: Deserialize<'de>> Visitor<'de> for Items<MOST, T> {
    type Value = AtMost<MOST, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            if items.len() == MOST {
                return Err(A::Error::invalid_length(MOST + 1, &self));
            }
            items.push(item);
        }
        Ok(AtMost(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_item_more_ends_the_reading() {
        let read = |json: &str| crate::body::parse::<AtMost<2, u8>>(json.as_bytes()).map(|list| list.0);
        assert_eq!(read("[1, 2]").unwrap(), [1, 2]);
        let error = read("[1, 2, 3]").unwrap_err();
        assert!(error.error.message.contains("at most 2 items"), "{}", error.error.message);
        // What follows is not looked at.
        assert!(read("[1, 2, 3, x").unwrap_err().error.message.contains("at most 2 items"));
    }
}
