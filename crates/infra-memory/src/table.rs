//! Rows, and the one table that keeps those of any type.

use domain::{store::StoreError, usage::QuotaKind};
use rpds::RedBlackTreeMapSync;
use uuid::Uuid;

use crate::{check::conflict, references::Reference, state::Stored};

/// A type of rows: its keys and references as data, from which inserts, updates and removals follow.
pub(crate) trait Row: Stored + Clone + Send + Sync + 'static {
    /// The primary key. Where it is one id, that is unique in all tenants.
    type Id: Ord + Clone + Send + Sync;
    /// The unique keys, each an index as well.
    const KEYS: &'static [Key<Self>] = &[];
    /// What a row refers to.
    const REFERENCES: &'static [Reference<Self>] = &[];
    /// The quotas that a living row counts for.
    const COUNTED: &'static [Counted<Self>] = &[];

    /// The primary key's value.
    fn id(&self) -> Self::Id;
    /// The id in a column that the schema names so; `None`: it is empty, or there is none.
    fn column(&self, name: &str) -> Option<Uuid>;
    /// Refuses a value that the schema refuses.
    ///
    /// # Errors
    /// [`StoreError::Check`].
    fn check(&self) -> Result<(), StoreError>;
    /// Whether it has not been deleted: a deleted row is kept, but nobody finds it.
    fn is_live(&self) -> bool {
        true
    }
}

/// Names a row's columns of ids as the schema does: those that are never empty, then those that may
/// be. With a type behind `id`, that is the primary key.
macro_rules! columns {
    (id: $id:ty $(, $name:ident)* $(; $($optional:ident),+)?) => {
        type Id = $id;

        fn id(&self) -> $id {
            self.id
        }

        $crate::table::columns!(id $(, $name)* $(; $($optional),+)?);
    };
    ($($name:ident),* $(; $($optional:ident),+)?) => {
        fn column(&self, name: &str) -> Option<uuid::Uuid> {
            match name {
                $(stringify!($name) => Some(self.$name.0),)*
                $($(stringify!($optional) => self.$optional.map(|id| id.0),)+)?
                _ => None,
            }
        }
    };
}

pub(crate) use columns;

/// A part of a key's value. They are ordered, so that an index is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Nothing,
    Id(Uuid),
    Number(i64),
    Text(String),
    /// Greater than any: the end of a range.
    End,
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl From<Option<Uuid>> for Value {
    fn from(id: Option<Uuid>) -> Self {
        id.map_or(Self::Nothing, Self::Id)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A key's value.
pub(crate) type Place = Vec<Value>;

/// A key's value out of its parts.
macro_rules! place {
    ($($part:expr),* $(,)?) => {
        vec![$($crate::table::Value::from($part)),*]
    };
}

pub(crate) use place;

/// A unique key of a table.
pub(crate) struct Key<R> {
    /// As the schema names it.
    pub(crate) name: &'static str,
    /// The value of a row; `None`: the key does not bind this one.
    pub(crate) of: fn(&R) -> Option<Place>,
}

/// What rows of a table count for.
pub(crate) struct Counted<R> {
    pub(crate) kind: QuotaKind,
    /// As much as a row counts.
    pub(crate) amount: fn(&R) -> u64,
}

/// A table: sorted maps whose copies share what they have in common.
#[derive(Clone)]
pub(crate) struct Table<R: Row> {
    rows: RedBlackTreeMapSync<R::Id, R>,
    keys: RedBlackTreeMapSync<(&'static str, Place), R::Id>,
    /// What the rows count for, by kind and whose they are: a tenant's or a user's, by its id.
    counts: RedBlackTreeMapSync<(QuotaKind, Uuid), u64>,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: RedBlackTreeMapSync::new_sync(),
            keys: RedBlackTreeMapSync::new_sync(),
            counts: RedBlackTreeMapSync::new_sync(),
        }
    }
}

impl<R: Row> Table<R> {
    pub(crate) fn get(&self, id: &R::Id) -> Option<&R> {
        self.rows.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.size()
    }

    /// All rows, by primary key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &R> {
        self.rows.values()
    }

    /// The rows of these primary keys, the last included.
    pub(crate) fn range(&self, first: R::Id, last: R::Id) -> impl Iterator<Item = &R> {
        self.rows.range(first..=last).map(|(_, row)| row)
    }

    /// The row with this value of a key.
    pub(crate) fn find(&self, key: &'static str, place: Place) -> Option<&R> {
        debug_assert!(R::KEYS.iter().any(|known| known.name == key), "{} has no key {key}", R::TABLE);
        self.keys.get(&(key, place)).and_then(|id| self.rows.get(id))
    }

    /// The rows whose value of a key begins so, in its order.
    pub(crate) fn by(&self, key: &'static str, begin: Place) -> impl DoubleEndedIterator<Item = &R> {
        self.by_from(key, begin.clone(), begin)
    }

    /// The same from a value on.
    pub(crate) fn by_from(&self, key: &'static str, begin: Place, from: Place) -> impl DoubleEndedIterator<Item = &R> {
        debug_assert!(R::KEYS.iter().any(|known| known.name == key), "{} has no key {key}", R::TABLE);
        let mut end = begin;
        end.push(Value::End);
        self.keys.range((key, from)..=(key, end)).filter_map(|(_, id)| self.rows.get(id))
    }

    /// Refuses a row with a value of a key that another has.
    pub(crate) fn refuse_taken(&self, row: &R) -> Result<(), StoreError> {
        for key in R::KEYS {
            let holder = (key.of)(row).and_then(|place| self.keys.get(&(key.name, place)));
            if holder.is_some_and(|holder| *holder != row.id()) {
                return Err(conflict(key.name));
            }
        }
        Ok(())
    }

    /// What the rows of a tenant or a user count for a quota.
    pub(crate) fn counted(&self, kind: QuotaKind, holder: Uuid) -> u64 {
        self.counts.get(&(kind, holder)).copied().unwrap_or(0)
    }

    /// Counts a row in place of another one.
    fn count(counts: &mut RedBlackTreeMapSync<(QuotaKind, Uuid), u64>, old: Option<&R>, new: Option<&R>) {
        let of = |row: Option<&R>, column: &str, counted: &Counted<R>| {
            let row = row.filter(|row| row.is_live())?;
            Some((row.column(column)?, (counted.amount)(row)))
        };
        for counted in R::COUNTED {
            for column in ["tenant_id", "user_id"] {
                let (before, after) = (of(old, column, counted), of(new, column, counted));
                if before == after {
                    continue;
                }
                if let Some((holder, amount)) = before {
                    let key = (counted.kind, holder);
                    let left = counts.get(&key).copied().unwrap_or(0).saturating_sub(amount);
                    counts.insert_mut(key, left);
                }
                if let Some((holder, amount)) = after {
                    let key = (counted.kind, holder);
                    let sum = counts.get(&key).copied().unwrap_or(0).saturating_add(amount);
                    counts.insert_mut(key, sum);
                }
            }
        }
    }

    /// Keeps a row, in place of one with its primary key.
    pub(crate) fn put(&mut self, row: R) {
        let id = row.id();
        let old = self.rows.get(&id);
        Self::count(&mut self.counts, old, Some(&row));
        for key in R::KEYS {
            let (before, after) = (old.and_then(|old| (key.of)(old)), (key.of)(&row));
            if before == after {
                continue;
            }
            if let Some(place) = before {
                self.keys.remove_mut(&(key.name, place));
            }
            if let Some(place) = after {
                self.keys.insert_mut((key.name, place), id.clone());
            }
        }
        self.rows.insert_mut(id, row);
    }

    /// Takes a row out.
    pub(crate) fn take(&mut self, id: &R::Id) -> Option<R> {
        let row = self.rows.get(id)?.clone();
        Self::count(&mut self.counts, Some(&row), None);
        for place in R::KEYS.iter().filter_map(|key| Some((key.name, (key.of)(&row)?))) {
            self.keys.remove_mut(&place);
        }
        self.rows.remove_mut(id);
        Some(row)
    }
}
